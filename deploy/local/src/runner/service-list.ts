import type { Ports } from './ports.ts';

/** A service of the fleet and its preferred ports; every one has an admin port, APIs also one for clients. */
export interface Service {
  readonly name: string;
  readonly port?: number;
  readonly adminPort: number;
  /** It has its own login in the database; true if absent. */
  readonly login?: boolean;
  /** It is part of the outside world: no topics, and only its own settings. */
  readonly outside?: boolean;
}

const doors: readonly Service[] = [
  { name: 'command-api', port: 8081, adminPort: 9081 },
  { name: 'query-api', port: 8082, adminPort: 9082 },
];
const deciders: readonly Service[] = [
  { name: 'order-saga', adminPort: 9088 },
  { name: 'broker-gateway', adminPort: 9089 },
];
const relays: readonly Service[] = [{ name: 'outbox-relay', adminPort: 9083 }];
const readers: readonly Service[] = [
  { name: 'order-projector', adminPort: 9084 },
  { name: 'feed-projector', adminPort: 9085 },
  { name: 'account-projector', adminPort: 9086 },
  { name: 'position-projector', adminPort: 9087 },
  { name: 'notifier', adminPort: 9090, login: false },
  { name: 'reconciler', adminPort: 9095 },
];
const outsiders: readonly Service[] = [{ name: 'paper-broker', port: 8083, adminPort: 9091, login: false, outside: true }];

/** Groups in stop order: APIs, deciders, the relay, topic readers, the outside world. */
export const stopOrder: readonly (readonly Service[])[] = [doors, deciders, relays, readers, outsiders];

/** Every service, in that order. */
export const services: readonly Service[] = stopOrder.flat();

/** The fleet's own services. */
export const insiders: readonly Service[] = services.filter(({ outside = false }) => !outside);

/** Services that log in to the database. */
export const logins: readonly string[] = services.filter(({ login = true }) => login).map(({ name }) => name);

/** One process of a service: `order-projector`, `order-projector-2`. */
export interface Instance {
  readonly name: string;
  readonly service: string;
  readonly port?: number;
  readonly adminPort: number;
}

/** Instances of each service; one if not named. */
export type Scale = Readonly<Record<string, number>>;

const namesOf = (scale: Scale, { name }: Service): string[] =>
  Array.from({ length: scale[name] ?? 1 }, (_, index) => (index === 0 ? name : `${name}-${index + 1}`));

/** The preferred ports of a fleet of this scale. Second instances take any. */
export function portRequests(scale: Scale): Ports {
  const requests: Record<string, number> = {};
  for (const service of services) {
    for (const name of namesOf(scale, service)) {
      const isFirst = name === service.name;
      if (service.port !== undefined) requests[name] = isFirst ? service.port : 0;
      requests[`${name} admin`] = isFirst ? service.adminPort : 0;
    }
  }
  return requests;
}

/** The processes of a fleet on the ports that it got. */
export function instances(scale: Scale, ports: Ports): Instance[] {
  return services.flatMap((service) =>
    namesOf(scale, service).map((name) => ({
      name,
      service: service.name,
      adminPort: ports[`${name} admin`] ?? 0,
      ...(service.port !== undefined && { port: ports[name] ?? 0 }),
    })),
  );
}
