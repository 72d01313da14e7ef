import { Inject, Injectable, Module, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Health, tokens, type ServiceOptions } from '@tradecore/service';
import { counter, gauge, heartbeat, logger, setWhenRead } from '@tradecore/telemetry';
import { takeBase } from './base.ts';
import { allBases, basesOf, hasWal, lastRestore, newSeries, prune, seriesOf, type Base, type Series } from './folder.ts';
import { Refused } from '../operations.ts';
import { PostgresPrograms } from './programs.ts';
import { Receiver } from './receiver.ts';
import { BackedUpServer, type ServerState } from './server.ts';
import { backupConfig, type BackupSettings } from './settings.ts';

const log = logger('backup');
/** Between two looks at the server, and after a base that failed. In ms. */
const every = 1000;
const baseRetry = 60_000;
/** A base takes as long as the data are large: it has no limit of time but is one of these at a time. */
const roundLimit = 60_000;
/** Moments that wait until the WAL of before them is here: an hour of them. */
const maxMoments = 3600;

/** Why a series began. `first` is well; after the others what was before can be restored only up to its own end. */
const reasons = ['first', 'timeline', 'slot-lost'] as const;
type Reason = (typeof reasons)[number];

const begun = counter({
  name: 'tradecore_backup_series_begun_total',
  help: 'Series of WAL that began: the first, after another timeline, after the slot was lost.',
  labels: { reason: reasons },
});
const bases = counter({
  name: 'tradecore_backup_bases_total',
  help: 'Bases that were taken, and those that failed.',
  labels: { outcome: ['taken', 'failed'] },
});

const baseAge = gauge({ name: 'tradecore_backup_base_age_seconds', help: 'Time since the newest whole base.' });
const restorableAge = gauge({
  name: 'tradecore_backup_restorable_age_seconds',
  help: 'Time since the newest moment that can be restored.',
});
const restoreAge = gauge({
  name: 'tradecore_backup_restore_age_seconds',
  help: 'Time since a restore out of this folder last ended well.',
});

/** Receives WAL without a pause, takes a base when one is due, and says how old all of it is. */
@Injectable()
export class Follower implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #dir: string;
  readonly #server: BackedUpServer;
  readonly #programs: PostgresPrograms;
  readonly #attempt = heartbeat('backup', roundLimit);
  #receiver: Receiver | undefined;
  #base: Promise<void> | undefined;
  #nextBase = 0;
  #newest: Base | undefined;
  /** Up to here everything can be restored; 0 before that is known. */
  #restorable = 0;
  #moments: { readonly at: number; readonly flushed: bigint }[] = [];
  #isStopping = false;
  #said = '';
  #loop: Promise<void> = Promise.resolve();

  constructor(
    @Inject(tokens.config) private readonly settings: BackupSettings,
    @Inject(Health) health: Health,
  ) {
    this.#dir = settings.BACKUP_DIR;
    this.#server = new BackedUpServer(settings.DATABASE_URL, settings.BACKUP_SLOT);
    this.#programs = new PostgresPrograms(settings);
    this.#newest = allBases(this.#dir)[0];
    this.#showAges();
    health.add({
      name: 'backup',
      check: () => {
        if (this.#receiver?.isRunning !== true) return { ok: false, state: 'receives nothing' };
        const hasBase = basesOf(this.#receiver.series).length > 0;
        return { ok: hasBase, state: hasBase ? 'receives' : 'receives, and has no base yet' };
      },
    });
  }

  onApplicationBootstrap(): void {
    this.#loop = this.#run();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#isStopping = true;
    await this.#loop;
    await this.#receiver?.stop();
    await this.#server.close();
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      const answered = this.#attempt(() => this.#round()).then(() => (this.#said = ''));
      await answered.catch((error: unknown) => {
        this.#sayOnce(error);
      });
      await new Promise((resolve) => setTimeout(resolve, every));
    }
  }

  /** A database may be away for hours: that is one line. */
  #sayOnce(error: unknown): void {
    const { message } = error as Error;
    if (message === this.#said) return;
    this.#said = message;
    if (error instanceof Refused) log.error(message);
    else log.warn({ err: error }, 'the database does not answer; what it has not sent waits in its slot');
  }

  async #round(): Promise<void> {
    const state = await this.#server.state();
    const series = await this.#seriesFor(state);
    this.#receiver?.ensure();
    this.#takeBaseWhenDue(series);
    this.#note(state, series);
  }

  /** The series that goes on, or a new one where the WAL has a gap or another history. */
  async #seriesFor(state: ServerState): Promise<Series> {
    const series = this.#receiver?.series ?? seriesOf(this.#dir, state.systemIdentifier)[0];
    const reason = this.#endOf(series, state);
    if (series && reason === undefined) {
      this.#receiver ??= new Receiver(this.#server, this.#programs, series);
      return series;
    }
    return this.#begin(reason ?? 'first', state);
  }

  #endOf(series: Series | undefined, { systemIdentifier, timeline, slot }: ServerState): Reason | undefined {
    if (!series) return 'first';
    if (series.systemIdentifier !== systemIdentifier || series.timeline !== timeline) return 'timeline';
    if (!slot && !hasWal(series)) return 'first';
    return !slot || slot.isLost || this.#receiver?.isLost === true ? 'slot-lost' : undefined;
  }

  async #begin(reason: Reason, state: ServerState): Promise<Series> {
    await this.#receiver?.stop();
    await this.#server.renewSlot(state);
    const series = newSeries(this.#dir, state);
    this.#receiver = new Receiver(this.#server, this.#programs, series);
    this.#moments = [];
    this.#nextBase = 0;
    begun.inc({ reason });
    const slot = this.#server.slotName;
    if (reason === 'slot-lost')
      log.error({ slot }, 'the slot is lost: WAL is missing that was not received; a new base is taken at once');
    log.info({ reason, series: series.path }, 'a series of WAL begins');
    return series;
  }

  #takeBaseWhenDue(series: Series): void {
    const [newest] = basesOf(series);
    const due = newest ? Date.parse(newest.ended) + this.settings.BACKUP_BASE_HOURS * 3_600_000 : 0;
    if (this.#base || Date.now() < Math.max(due, this.#nextBase)) return;
    this.#base = takeBase({ server: this.#server, programs: this.#programs, why: newest ? 'due' : 'a series begins' }, series)
      .then((base) => {
        this.#newest = base;
        bases.inc({ outcome: 'taken' });
        log.info(
          { base: base.path, bytes: base.bytes, removed: prune(this.#dir, this.settings.BACKUP_KEEP) },
          'a base was taken',
        );
      })
      .catch((error: unknown) => {
        this.#nextBase = Date.now() + baseRetry;
        bases.inc({ outcome: 'failed' });
        log.error({ err: error }, 'no base could be taken');
      })
      .finally(() => (this.#base = undefined));
  }

  /** A moment can be restored once all WAL that the server had on its disk at that moment is on ours. */
  #note({ now, flushed, slot }: ServerState, series: Series): void {
    if (this.#moments.length < maxMoments) this.#moments.push({ at: Date.parse(now), flushed });
    if (basesOf(series).length === 0) return;
    const received = slot?.received ?? 0n;
    while (this.#moments[0] && this.#moments[0].flushed <= received) this.#restorable = this.#moments.shift()?.at ?? 0;
  }

  #showAges(): void {
    const age = (time: number): number => (time === 0 ? Infinity : Math.max(0, (Date.now() - time) / 1000));
    const shown = [
      [baseAge, () => Date.parse(this.#newest?.ended ?? '') || 0],
      [restorableAge, () => this.#restorable],
      [restoreAge, () => Date.parse(lastRestore(this.#dir)?.at ?? '') || 0],
    ] as const;
    for (const [metric, time] of shown) {
      setWhenRead(metric, () => {
        metric.set(age(time()));
      });
    }
  }
}

@Module({ providers: [Follower] })
class BackupModule {}

/** `tradecore backup --follow`: no door but the admin port. */
export const backupService: ServiceOptions = { name: 'backup', module: BackupModule, uses: [], config: backupConfig };
