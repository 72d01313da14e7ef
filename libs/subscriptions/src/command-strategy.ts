import { Injectable, Module, type DynamicModule, type InjectionToken } from '@nestjs/common';
import { Server, type CustomTransportStrategy } from '@nestjs/microservices';
import type { Catalogue } from '@tradecore/events';
import type { ReadinessCheck } from './readiness.ts';
import type { SubscriptionStatus } from './subscription.ts';

/** How the commands of a service are consumed. */
export interface CommandsOptions {
  /** Name of the service, of its consumer group, and (`-` as `_`) of the schema where positions are kept. */
  readonly name: string;
  /** Under which token the `Broker` is provided, for every module to see. */
  readonly broker: InjectionToken;
  /** Where steps travel; `saga.order-placement` when absent. */
  readonly topics?: readonly string[];
  /** The fleet's when absent. */
  readonly catalogue?: Catalogue;
}

/** Consumes steps from `listen` to `close`, which drains, and hands them to the providers with `@Handles`. */
@Injectable()
export class CommandStrategy extends Server implements CustomTransportStrategy {
  override listen(): void {
    throw new Error('unfinished');
  }
  override close(): Promise<void> {
    throw new Error('unfinished');
  }
  override on(): never {
    throw new Error('CommandStrategy has no events: see statuses()');
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

/** `imports: [CommandsModule.with({ name: 'command-api', broker: tokens.broker })]` beside the handlers as providers; exports `CommandStrategy`. */
@Module({})
export class CommandsModule {
  static with(_: CommandsOptions): DynamicModule {
    return { module: CommandsModule, providers: [CommandStrategy], exports: [CommandStrategy] };
  }
}
