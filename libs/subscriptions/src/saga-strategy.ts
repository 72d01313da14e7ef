import { Injectable, Module, type DynamicModule, type InjectionToken } from '@nestjs/common';
import { Server, type CustomTransportStrategy } from '@nestjs/microservices';
import type { Catalogue } from '@tradecore/events';
import type { ReadinessCheck } from './readiness.ts';
import type { SagaClass } from './saga.ts';
import type { SubscriptionStatus } from './subscription.ts';

/** How a saga is run. */
export interface SagasOptions {
  readonly saga: SagaClass;
  /** The topics that it hears. */
  readonly topics: readonly string[];
  /** Name of the service, of its consumer group, and (`-` as `_`) of the schema where positions and timers are kept. */
  readonly service: string;
  /** Under which token the `Broker` is provided, for every module to see. */
  readonly broker: InjectionToken;
  /** The fleet's when absent. */
  readonly catalogue?: Catalogue;
}

/** Hears and wakes sagas from `listen` to `close`, which drains. */
@Injectable()
export class SagaStrategy extends Server implements CustomTransportStrategy {
  override listen(): void {
    throw new Error('unfinished');
  }
  override close(): Promise<void> {
    throw new Error('unfinished');
  }
  override on(): never {
    throw new Error('SagaStrategy has no events: see statuses()');
  }
  override unwrap<T>(): T {
    throw new Error('unfinished');
  }
  /** How the consumer is doing. */
  statuses(): SubscriptionStatus[] {
    throw new Error('unfinished');
  }
  /** For the service's readiness. */
  readiness(): ReadinessCheck[] {
    throw new Error('unfinished');
  }
}

/** `imports: [SagasModule.with({ saga: OrderPlacement, topics: [...], service: 'order-saga', broker: tokens.broker })]`; exports `SagaStrategy`. */
@Module({})
export class SagasModule {
  static with(_: SagasOptions): DynamicModule {
    return { module: SagasModule, providers: [SagaStrategy], exports: [SagaStrategy] };
  }
}
