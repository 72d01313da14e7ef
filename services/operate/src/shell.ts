import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import type { Fleet } from './fleet.ts';
import { printed, type Report, type Say } from './output.ts';

/** Adds the commands of one group; each group has its own file, and `program.ts` lists them. */
export type Commands = (shell: Shell) => void;

/** What the person typed: the arguments in their order, and the options by name. */
export interface Typed {
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
}

/** How a command is written and what it is for. */
export interface Usage {
  /** As commander reads it: `show <order>`. */
  readonly usage: string;
  readonly description: string;
  /** Flags with what they are for: `{ '--since <time>': 'start with events from then on' }`. */
  readonly options?: Readonly<Record<string, string>>;
}

/** What a command would change: shown first, done once it is confirmed. */
export interface Plan {
  /** What the person types to confirm, or gives as `--yes=NAME`: the name of what is changed. */
  readonly name: string;
  readonly shown: Report;
  readonly act: (why: string) => Promise<Report>;
}

/** What the shell works with. */
export interface Around {
  readonly say: Say;
  readonly open: () => Promise<Fleet>;
  /** Asks the person at the terminal; absent where there is none. */
  readonly ask?: (question: string) => Promise<string>;
}

/** Said, with exit code 64, when a command was written in a way that can't be done. */
export class WrongUsage extends Error {}

/** The words of `tradecore`, and what all commands do alike: open the fleet, print, confirm, keep the exit code. */
export class Shell {
  readonly root = new Command('tradecore').description('Looks after a TradeCore fleet.').exitOverride();
  /** Of the command that ran. */
  code = 0;

  constructor(private readonly around: Around) {
    const say: Say = (text) => around.say(text.trimEnd());
    this.root.configureOutput({ writeOut: say, writeErr: say });
  }

  get say(): Say {
    return this.around.say;
  }

  /** The group of this name, made when it is new. */
  group(name: string, description: string): Command {
    const known = this.root.commands.find((command) => command.name() === name);
    return known ?? this.root.command(name).description(description).exitOverride();
  }

  /** A command that does everything itself; it returns its exit code. */
  command(parent: Command, { usage, description, options = {} }: Usage, work: (typed: Typed) => Promise<number>): Command {
    const command = parent.command(usage).description(description);
    for (const [flags, what] of Object.entries(options)) command.option(flags, what);
    return command.action(async () => {
      this.code = await work({ args: command.processedArgs as string[], options: command.opts() });
    });
  }

  /** A command that asks the fleet and prints what it answers. */
  report(parent: Command, usage: Usage, ask: (fleet: Fleet, typed: Typed) => Promise<Report>): Command {
    return this.command(parent, withOptions(usage, { '--json': 'for scripts' }), (typed) =>
      this.withFleet(async (fleet) => this.print(await ask(fleet, typed), typed)),
    );
  }

  /** A command that changes something: it shows its plan, wants a reason and the name of what is changed, and acts. */
  act(parent: Command, usage: Usage, plan: (fleet: Fleet, typed: Typed) => Promise<Plan>): Command {
    const options = {
      '--why <text>': 'the reason, kept with the record of what was done',
      '--yes <name>': 'confirms without a terminal: the name of what is changed',
      '--dry-run': 'show what would be done, do nothing',
      '--json': 'for scripts',
    };
    return this.command(parent, withOptions(usage, options), (typed) =>
      this.withFleet(async (fleet) => {
        const { shown, name, act } = await plan(fleet, typed);
        if (typed.options['dryRun'] === true) return this.print(shown, typed);
        const why = reasonIn(typed);
        if (typed.options['json'] !== true) this.say(printed(shown, false));
        await this.confirm(name, typed);
        return this.print(await act(why), typed);
      }),
    );
  }

  /** Opens the fleet for this work, and closes it. */
  async withFleet<Result>(work: (fleet: Fleet) => Promise<Result>): Promise<Result> {
    const fleet = await this.around.open();
    return work(fleet).finally(() => fleet.close());
  }

  /** Says what a command answers; returns its exit code. */
  print(report: Report, { options }: Typed): number {
    this.say(printed(report, options['json'] === true));
    return report.code ?? 0;
  }

  private async confirm(name: string, { options }: Typed): Promise<void> {
    const { ask } = this.around;
    if (options['yes'] === undefined && !ask) throw new WrongUsage(`without a terminal, confirm with --yes=${name}`);
    const typed = options['yes'] ?? (await ask?.(`Type ${name} to confirm: `));
    if (typed !== name) throw new WrongUsage(`not confirmed: ${name} was expected; nothing was done`);
  }
}

/** Asks at the terminal of this process; `undefined` where it has none. */
export const terminal = (): Around['ask'] => {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return undefined;
  return async (question) => {
    const lines = createInterface({ input: process.stdin, output: process.stdout });
    return lines.question(question).finally(() => lines.close());
  };
};

function reasonIn({ options }: Typed): string {
  const why = typeof options['why'] === 'string' ? options['why'].trim() : '';
  if (why === '' || why.length > 500) throw new WrongUsage('--why TEXT is required: the reason, at most 500 characters');
  return why;
}

/** The time that this option names, as it was typed; null when absent. Without a zone each reader would take its own. */
export function timeIn({ options }: Typed, name: 'since' | 'to'): string | null {
  const text = options[name];
  if (text === undefined) return null;
  if (typeof text === 'string' && /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text)))
    return text;
  throw new WrongUsage(
    `--${name} is a time with its zone, as RFC 3339 writes it: 2026-11-23T09:00:00Z; it was "${String(text)}"`,
  );
}

const withOptions = (usage: Usage, more: Usage['options']): Usage => ({ ...usage, options: { ...usage.options, ...more } });
