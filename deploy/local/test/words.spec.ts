import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { namesIn, namesUnder, partsOf, type Name } from './names.ts';

/**
 * Words that were ours alone, or that the trade or the field uses for another thing, and what is said instead. Plurals
 * count as well.
 */
const instead: Readonly<Record<string, string>> = {
  leg: 'revision',
  cleared: 'approved',
  clearance: 'approval',
  'answer-noted': 'the step is the command: nothing notes its answer',
  'deciding-work': 'BatchProcessor',
  'decision-run': 'UnitOfWork',
  joined: 'BatchCoalescer',
  turns: 'KeyedMutex',
  'look-back': 'brokerage sweep',
  census: 'comparison',
  misbehaviour: 'fault injection',
};

/** The participle and the verb are English where they stand alone in code: a consumer has joined its group. */
const english: readonly string[] = ['joined', 'turns'];

/**
 * A step is an imperative: `SubmitBrokerOrder`. A name that asks a question, `hasAsked`, and the word alone are
 * English.
 */
const endings: readonly string[] = ['asked', 'wished'];
const questions: readonly string[] = ['is', 'has', 'was', 'when'];

/** A text without it has none of the words: each begins where a name or a part of one begins. */
const firstParts = [...Object.keys(instead), ...endings].map((word) => word.split('-')[0] ?? word);
const capital = (part: string): string => part.charAt(0).toUpperCase() + part.slice(1);
const mayMatter = new RegExp(`(?<![a-zA-Z])(${firstParts.join('|')})|(${firstParts.map(capital).join('|')})`);

/** What a name says that is not to be said any more. */
function oldWordsIn({ name, at }: Name): string[] {
  const parts = partsOf(name.replace(/\.(ts|mjs|sql|md|ya?ml|json)$/, ''));
  const said = `-${parts.join('-')}-`;
  const isEnglish = at.includes(':') && english.includes(name);
  const words = Object.keys(instead).filter((word) => !isEnglish && (said.includes(`-${word}-`) || said.includes(`-${word}s-`)));
  const isStep = parts.length > 1 && endings.includes(parts.at(-1) ?? '') && !questions.includes(parts[0] ?? '');
  return [
    ...words.map((word) => `${at}: ${name}; say: ${instead[word]}`),
    ...(isStep ? [`${at}: ${name}; say: an imperative, or ...Requested`] : []),
  ];
}

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const oldWordsInFixture = (name: string): string[] =>
  namesIn(name, readFileSync(here(`fixtures/words/${name}`), 'utf8'))
    .flatMap(oldWordsIn)
    .map((fault) => fault.split('; say')[0] ?? '');

/** This list itself; and Alpaca calls the parts of an order that it takes `legs`. */
const isLookedAt = (path: string): boolean =>
  path !== 'deploy/local/test/words.spec.ts' && !path.startsWith('services/paper-broker/');

describe('the words of the house', () => {
  it('are the only ones in names of files, code, tables, columns and metrics', () => {
    const names = namesUnder(here('../../..'), isLookedAt, mayMatter);
    expect(names.length).toBeGreaterThan(10_000);
    expect([...new Set(names.flatMap(oldWordsIn))]).toEqual([]);
  }, 60_000);

  it('are looked for in code: identifiers, names in strings, SQL in templates', () => {
    expect(oldWordsInFixture('old-words.ts')).toEqual([
      'old-words.ts:2: Leg',
      'old-words.ts:2: ./replace-leg.ts',
      'old-words.ts:4: PaymentAsked',
      'old-words.ts:5: ReplaceWished',
      'old-words.ts:6: Joined',
      'old-words.ts:7: inTurns',
      'old-words.ts:8: DecidingWork',
      'old-words.ts:9: #lookBack',
      'old-words.ts:9: answer-noted',
      'old-words.ts:10: clearance',
      'old-words.ts:10: kafka_misbehaviours_total',
      'old-words.ts:11: decisionRun',
      'old-words.ts:11: legs',
      'old-words.ts:11: Leg',
      'old-words.ts:11: reservationAsked',
      'old-words.ts:12: is_cleared',
      'old-words.ts:12: order_census',
      'old-words.ts:12: leg',
      'old-words.ts:12: legs',
    ]);
  });

  it('are looked for in SQL, in YAML, and in the name of a file', () => {
    expect(oldWordsInFixture('old-words.sql')).toEqual([
      'old-words.sql:2: clearances',
      'old-words.sql:2: leg',
      'old-words.sql:2: payment_asked',
    ]);
    expect(oldWordsInFixture('old-words.yaml')).toEqual(['old-words.yaml:2: LookBackLate', 'old-words.yaml:3: order_legs_total']);
    const paths = [
      'docs/0022-a-replace-is-a-leg.md',
      'libs/x/src/deciding-work.ts',
      'libs/x/src/turns.ts',
      'e2e/census/lines.ts',
    ];
    expect(paths.flatMap((path) => namesIn(path, '')).flatMap(oldWordsIn)).toHaveLength(paths.length);
  });

  it('leave comments and sentences alone, and words that only contain one', () => {
    expect(oldWordsInFixture('new-words.ts')).toEqual([]);
  });
});
