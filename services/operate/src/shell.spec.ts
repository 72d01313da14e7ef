import type { Fleet } from './fleet.ts';
import { Shell, WrongUsage, type Around } from './shell.ts';

/** A shell with one command that changes something; what was said and done is kept. */
function shellWith(around: Partial<Around> = {}) {
  const said: string[] = [];
  const done: string[] = [];
  const fleet = { close: async () => {} } as Fleet;
  const shell = new Shell({ say: (text) => said.push(text), open: async () => fleet, ...around });
  shell.act(
    shell.group('lamps', 'lights'),
    { usage: 'break <id>', description: 'breaks a lamp' },
    async (_, { args: [id = ''] }) => ({
      name: id,
      shown: { rows: [], nothing: `lamp ${id} would be broken` },
      act: async (why) => {
        done.push(`${id}: ${why}`);
        return { rows: [], nothing: 'broken', code: 1 };
      },
    }),
  );
  const run = (...args: string[]) => shell.root.parseAsync(['lamps', 'break', 'north', ...args], { from: 'user' });
  return { shell, run, said, done };
}

describe('a command that changes something', () => {
  it('acts with a reason and the name of what is changed, and keeps the exit code', async () => {
    const { shell, run, said, done } = shellWith();
    await run('--why', 'it flickers', '--yes=north');
    expect([done, said, shell.code]).toEqual([['north: it flickers'], ['lamp north would be broken', 'broken'], 1]);
  });

  it('asks at a terminal', async () => {
    const questions: string[] = [];
    const ask = async (question: string) => String(questions.push(question) && 'north');
    const { run, done } = shellWith({ ask });
    await run('--why', 'old');
    expect([questions, done]).toEqual([['Type north to confirm: '], ['north: old']]);
  });

  it.each([
    { case: 'no reason', args: ['--yes=north'], why: /--why TEXT is required/ },
    { case: 'an empty reason', args: ['--why', ' ', '--yes=north'], why: /--why TEXT is required/ },
    { case: 'another name', args: ['--why', 'old', '--yes=south'], why: /not confirmed: north was expected/ },
    { case: 'neither terminal nor name', args: ['--why', 'old'], why: /confirm with --yes=north/ },
  ])('does nothing with $case', async ({ args, why }) => {
    const { run, done } = shellWith();
    await expect(run(...args)).rejects.toThrow(WrongUsage);
    await expect(run(...args)).rejects.toThrow(why);
    expect(done).toEqual([]);
  });

  it('only shows its plan in a dry run, which needs no reason', async () => {
    const { run, said, done } = shellWith();
    await run('--dry-run');
    expect([said, done]).toEqual([['lamp north would be broken'], []]);
  });
});
