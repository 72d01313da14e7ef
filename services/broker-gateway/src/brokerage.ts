import { Inject, Injectable } from '@nestjs/common';
import { tokens } from '@tradecore/service';
import type { RevisionRules } from '@tradecore/trading';
import { Alpaca } from './alpaca/alpaca.ts';
import { AlpacaHttp } from './alpaca/http.ts';
import { carriesFillsOf, dataUrlOf, rateOf, type GatewayConfig } from './broker-gateway.config.ts';
import { sharedSlots } from './call-slots.ts';
import { DataSource } from 'typeorm';

/** The configured brokerage: its port, its connection, the settings. */
@Injectable()
export class Brokerage {
  readonly port: Alpaca;
  readonly rules: RevisionRules;
  /** The trading API's connection. */
  readonly http: AlpacaHttp;

  constructor(
    @Inject(tokens.config) readonly config: GatewayConfig,
    @Inject(DataSource) private readonly dataSource: DataSource,
  ) {
    this.http = this.open(config.BROKER_URL, 'trading');
    this.port = new Alpaca(config.BROKER, carriesFillsOf(config), this.http, this.open(dataUrlOf(config), 'market-data'));
    this.rules = {
      replaceCarriesFills: this.port.replaceCarriesFills,
      graceMs: config.BROKER_GRACE,
      quarantineMs: config.BROKER_QUARANTINE,
      tries: config.BROKER_TRIES,
    };
  }

  /** RFC 3339. */
  now(): string {
    return new Date().toISOString();
  }

  /** Each API has its own rate limit, shared by all replicas. */
  private open(url: string, api: Parameters<typeof sharedSlots>[1]): AlpacaHttp {
    const { BROKER_KEY_ID: keyId, BROKER_SECRET_KEY: secretKey, BROKER_TIMEOUT: timeoutMs } = this.config;
    return new AlpacaHttp({ url, keyId, secretKey, timeoutMs, slots: sharedSlots(this.dataSource, api, rateOf(this.config)) });
  }
}
