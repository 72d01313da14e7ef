import type { ChildProcess } from 'node:child_process';
import { logger } from '@tradecore/telemetry';
import { walOf, type Series } from './folder.ts';
import { endOf, libpq, type PostgresPrograms } from './programs.ts';
import type { BackedUpServer } from './server.ts';

const log = logger('backup');

/** What pg_receivewal says when the server has let go of what it needs. */
const gone = /has already been removed|replication slot ".*" (does not exist|is invalid)|slot has been invalidated/;

/** pg_receivewal at work on one series. It ends with the server's session and is started again by `ensure`. */
export class Receiver {
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #lost = false;

  constructor(
    private readonly server: BackedUpServer,
    private readonly programs: PostgresPrograms,
    readonly series: Series,
  ) {}

  /** True when the server does not have the WAL any more that comes next: this series is at its end. */
  get isLost(): boolean {
    return this.#lost;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** Starts it where it does not run. */
  ensure(): void {
    if (this.#child || this.#lost) return;
    const { target, env } = libpq(this.server.url);
    // Flushed and reported at once: what the slot says is received is on this disk.
    const how = ['--synchronous', '--no-loop', '--no-password', '--status-interval=1'];
    const args = ['-d', target, '-D', walOf(this.series), `--slot=${this.server.slotName}`, ...how];
    const { child, lastWords } = this.programs.start('pg_receivewal', { args, env });
    this.#child = child;
    this.#ended = endOf(child).then((code) => {
      this.#child = undefined;
      this.#lost = gone.test(lastWords());
      if (code !== 0) log.warn({ code, lastWords: lastWords() }, 'the WAL receiver ended; it starts again');
    });
  }

  /** Ends it; what it has received is on the disk. */
  async stop(): Promise<void> {
    this.#child?.kill('SIGINT');
    await this.#ended;
  }
}
