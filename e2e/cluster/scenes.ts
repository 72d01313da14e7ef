import type { Scene } from './scene.ts';
import { installing } from './scenes/installing.ts';
import { rolling } from './scenes/rolling.ts';
import { serverFaults } from './scenes/server-faults.ts';
import { evicting } from './scenes/evicting.ts';
import { upgrading } from './scenes/upgrading.ts';
import { scaling } from './scenes/scaling.ts';
import { reinstalling } from './scenes/reinstalling.ts';
import { operating } from './scenes/operating.ts';
import { watching } from './scenes/watching.ts';
import { sharing } from './scenes/sharing.ts';
import { connecting } from './scenes/connecting.ts';
import { presets } from './scenes/presets.ts';

/** In this order, on one release that lives from scene to scene. */
export const scenes: readonly Scene[] = [
  ...presets,
  ...sharing,
  ...installing,
  ...connecting,
  ...operating,
  ...watching,
  ...rolling,
  ...serverFaults,
  ...evicting,
  ...scaling,
  ...upgrading,
  ...reinstalling,
];

/** What no scene shows. */
export const unproven: readonly string[] = [
  'Redpanda and its Console, where a file of values lets another broker stand in',
  'more than one node: spreading, a node or a zone that is lost, three brokers',
  'the operators of Prometheus and KEDA, an Ingress, a Gateway: the API server takes their objects, or they are off',
  'the exporters of the servers, and the alerts over them',
  'speed: the cluster and everything that loads it share a machine',
];
