import { Refusal } from '../runner/console.ts';

/** The paper broker's control routes: scripted prices and faults, and its state. */
export class Paper {
  readonly #address: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(address: string, keys: { readonly keyId: string; readonly secret: string }) {
    this.#address = address;
    this.#headers = {
      'apca-api-key-id': keys.keyId,
      'apca-api-secret-key': keys.secret,
      'content-type': 'application/json',
    };
  }

  /** Sets the last price of a symbol; its price walk continues from there. */
  async price(symbol: string, price: string): Promise<void> {
    await this.ask('POST', '/prices', { symbol, price });
  }

  /** Scripts a fault: `{ kind: 'timeout-after-accept', symbol: 'ACME', times: 1 }`. */
  async fault(fault: Readonly<Record<string, unknown>>): Promise<void> {
    await this.ask('POST', '/faults', fault);
  }

  /** Busts the last execution of a BrokerOrder. */
  async bust(brokerOrderId: string): Promise<void> {
    await this.fault({ kind: 'bust', client_order_id: brokerOrderId });
  }

  /** Corrects the price of the last execution of a BrokerOrder. */
  async correct(brokerOrderId: string, price: string): Promise<void> {
    await this.fault({ kind: 'correct', client_order_id: brokerOrderId, price });
  }

  /** Removes every fault. */
  async noFaults(): Promise<void> {
    await this.ask('DELETE', '/faults');
  }

  /** One request in Alpaca's shape; throws unless it succeeds. */
  async ask<Body>(method: string, path: string, body?: object): Promise<Body> {
    const response = await fetch(`${this.#address}${path}`, {
      method,
      headers: this.#headers,
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(15_000),
    });
    const text = await response.text();
    if (!response.ok) throw new Refusal(`The paper broker answered ${method} ${path} with ${response.status}: ${text}`);
    return (text ? JSON.parse(text) : undefined) as Body;
  }
}
