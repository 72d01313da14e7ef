import { spawnSync } from 'node:child_process';
import { chownSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerPlace } from '@tradecore/local/servers/server-place.ts';

/** Files of a certificate and its key, in PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
  /** Both in one file. */
  readonly both: string;
}

/** A certificate authority of a company: nobody else knows it. */
export class Authority {
  readonly #place: ServerPlace;
  readonly #folder: string;
  /** Its own certificate. */
  readonly file: string;

  constructor(place: ServerPlace, name = 'authority') {
    this.#place = place;
    this.#folder = place.folder(name);
    this.file = this.#make('ca', ['-subj', `/CN=${name}`]).cert;
  }

  /** A certificate for this name, good for servers and for clients. */
  sign(name: string): Pair {
    const signed = ['-CA', this.file, '-CAkey', join(this.#folder, 'ca.key'), '-subj', `/CN=${name}`];
    return this.#make(name, [
      ...signed,
      '-addext',
      `subjectAltName=DNS:${name}`,
      '-addext',
      'basicConstraints=critical,CA:FALSE',
    ]);
  }

  #make(name: string, more: readonly string[]): Pair {
    const [cert, key, both] = [`${name}.crt`, `${name}.key`, `${name}.pem`].map((file) => join(this.#folder, file)) as [
      string,
      string,
      string,
    ];
    const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    const args = ['req', '-x509', ...fresh, '-keyout', key, '-out', cert, ...more];
    const { status, stderr, error } = spawnSync('openssl', args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`openssl ${args.join(' ')}: ${error?.message ?? stderr}`);
    writeFileSync(both, readFileSync(key, 'utf8') + readFileSync(cert, 'utf8'), { mode: 0o600 });
    const { account } = this.#place;
    if (account) for (const file of [cert, key, both]) chownSync(file, account.uid, account.gid);
    return { cert, key, both };
  }
}
