import { Inject, Injectable } from '@nestjs/common';
import { tokens, type Clock } from '@tradecore/service';
import { Alpaca } from './alpaca/alpaca.ts';
import { AlpacaHttp } from './alpaca/http.ts';
import { dataUrlOf, rateOf, type GatewayConfig } from './broker-gateway.config.ts';
import type { BrokerPort } from './brokerage-port.ts';

/** The broker as it is set: its port, whether it answers, the settings, the time. */
@Injectable()
export class Brokerage {
  readonly port: BrokerPort;
  /** The trading API's connection. */
  readonly http: AlpacaHttp;

  constructor(
    @Inject(tokens.config) readonly config: GatewayConfig,
    @Inject(tokens.clock) private readonly clock: Clock,
  ) {
    this.http = this.open(config.BROKER_URL);
    this.port = new Alpaca(config.BROKER, this.http, this.open(dataUrlOf(config)));
  }

  /** RFC 3339. */
  now(): string {
    return this.clock.now().toISOString();
  }

  /** Each API has a limit of its own. */
  private open(url: string): AlpacaHttp {
    const { BROKER_KEY_ID: keyId, BROKER_SECRET_KEY: secretKey, BROKER_TIMEOUT: timeoutMs } = this.config;
    return new AlpacaHttp({ url, keyId, secretKey, timeoutMs, perMinute: rateOf(this.config) });
  }
}
