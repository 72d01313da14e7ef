import { ESLint } from 'eslint';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const eslint = new ESLint({ cwd: fileURLToPath(new URL('../../..', import.meta.url)) });

/** What lint says of a fixture if it stood at `path`. */
async function lintAt(path: string, fixture: string): Promise<string> {
  const text = readFileSync(new URL(`fixtures/${fixture}.ts`, import.meta.url), 'utf8');
  const [result] = await eslint.lintText(text, { filePath: path });
  return (result?.messages ?? []).map(({ ruleId, message }) => `${ruleId}: ${message}`).join('\n');
}

describe('the rules of the house fire', () => {
  it.each([
    ['imports-a-higher-floor', 'libs/events/src/fixture.ts', 'imports go down only'],
    ['imports-a-higher-floor', 'libs/messaging/src/fixture.ts', 'imports go down only'],
    ['imports-a-higher-floor', 'libs/read-models/src/fixture.ts', 'imports go down only'],
    ['imports-another-service', 'services/command-api/src/fixture.ts', 'imports go down only'],
    ['climbs-through-the-window', 'libs/consumers/src/fixture.ts', 'entered by its name'],
    ['knows-a-database', 'libs/trading/src/fixture.ts', 'is pure'],
    ['knows-a-database', 'libs/events/src/fixture.ts', 'is pure'],
    ['looks-at-the-clock', 'libs/trading/src/fixture.ts', 'Time is injected'],
    ['looks-at-the-clock', 'services/command-api/src/fixture.aggregate.ts', 'Time is injected'],
    ['rolls-a-dice', 'libs/trading/src/fixture.ts', 'Chance is injected'],
    ['waits', 'libs/trading/src/fixture.ts', 'waits for nobody'],
    ['refuses-the-past', 'libs/trading/src/fixture.ts', 'does not refuse'],
    ['reads-the-environment', 'libs/messaging/src/fixture.ts', 'read once'],
    ['switches-a-rule-off', 'libs/messaging/src/fixture.ts', "Expected '==='"],
  ])('%s is refused in %s', async (fixture, path, reason) => {
    expect(await lintAt(path, fixture)).toContain(reason);
  });

  it.each([
    ['imports-a-higher-floor', 'services/command-api/src/fixture.ts'],
    ['imports-another-service', 'e2e/fixture.ts'],
    ['knows-a-database', 'libs/event-sourcing/src/fixture.ts'],
    ['looks-at-the-clock', 'libs/messaging/src/fixture.ts'],
    ['rolls-a-dice', 'libs/messaging/src/fixture.ts'],
    ['waits', 'libs/messaging/src/fixture.ts'],
    ['reads-the-environment', 'libs/service/src/run/config.ts'],
  ])('%s is right in %s', async (fixture, path) => {
    expect(await lintAt(path, fixture)).toBe('');
  });
});
