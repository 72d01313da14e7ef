import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { endedBySignal, leavingNothing } from '../src/runner/interruption.ts';

describe('what a program has begun', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'is ended by %s, the last first, though it comes twice and the work fails',
    async (signal) => {
      const program = fileURLToPath(new URL('./fixtures/interrupted.ts', import.meta.url));
      const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let said = '';
      child.stdout.on('data', (chunk) => {
        said += String(chunk);
        if (said === 'runs\n') for (const _ of [1, 2]) child.kill(signal);
      });
      const [code] = (await once(child, 'close')) as [number | null];
      expect(said).toMatch(/second ended\nfirst ended\n$/);
      expect(code).toBe({ SIGINT: 130, SIGTERM: 143 }[signal]);
    },
    20_000,
  );

  it('is ended when the work fails, once, and nothing that had begun before', async () => {
    const ended: string[] = [];
    const begin = (name: string) => endedBySignal(() => Promise.resolve(ended.push(name)));
    const before = begin('before');
    const work = async () => {
      begin('first');
      await begin('second')();
      begin('third');
      throw new Error('it fails');
    };
    await expect(leavingNothing(work)).rejects.toThrow('it fails');
    expect(ended).toEqual(['second', 'third', 'first']);
    await before();
  });
});
