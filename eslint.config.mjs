import { readdirSync, readFileSync } from 'node:fs';
import tseslint from 'typescript-eslint';

/** Packages and their floors, read from the tags in each package.json: the tag is the rule. */
const packages = ['libs', 'services', 'deploy', '.']
  .flatMap((folder) => readdirSync(folder, { withFileTypes: true }).map((entry) => `${folder}/${entry.name}`))
  .flatMap((path) => {
    try {
      const { name, nx } = JSON.parse(readFileSync(`${path}/package.json`, 'utf8'));
      const floor = Number(nx?.tags?.find((tag) => tag.startsWith('floor:'))?.slice('floor:'.length));
      return Number.isInteger(floor) ? [{ path: path.replace(/^\.\//, ''), name, floor }] : [];
    } catch {
      return [];
    }
  });

/** Imports go down only: a package may import packages of lower floors, never its own floor or one above. */
const above = ({ name, floor }) =>
  packages
    .filter((other) => other.name !== name && other.floor >= floor)
    .map((other) => ({
      group: [other.name, `${other.name}/*`],
      message: `${name} stands on floor ${floor}, ${other.name} on floor ${other.floor}: imports go down only.`,
    }));

const aroundTheDoor = {
  regex: '^(\\.\\./){2,}.*/src/',
  message: 'A package is entered by its name, where its exports and its floor are known.',
};

const floors = packages.map((each) => ({
  files: [`${each.path}/**/*.ts`],
  rules: { 'no-restricted-imports': ['error', { patterns: [...above(each), aroundTheDoor] }] },
}));

/**
 * What packages of pure decisions may import from outside their folder, and nothing else: no database, no Nest, no Node but its hash, of which
 * each derived id is made: uuid's own takes four times as long.
 */
const pure = {
  'libs/events': ['uuid', 'node:crypto'],
  'libs/money': ['big\\.js'],
  'libs/trading': ['@tradecore/events', '@tradecore/money', '@tradecore/event-sourcing'],
};

const purity = packages
  .filter(({ path }) => path in pure)
  .map((each) => ({
    files: [`${each.path}/src/**/*.ts`],
    ignores: ['**/*.spec.ts', '**/testing.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            ...above(each),
            aroundTheDoor,
            {
              regex: `^(?!\\.{1,2}/|(${pure[each.path].join('|')})$)`,
              message: `${each.name} is pure: it may import its neighbours and ${pure[each.path].join(', ').replaceAll('\\\\', '')} only.`,
            },
          ],
        },
      ],
    },
  }));

const noEnvironment = {
  selector: 'MemberExpression[object.name="process"][property.name="env"]',
  message: 'Settings are read once, in config.',
};

const clockAndChance = [
  { name: 'process', message: 'Settings are injected into domain code.' },
  { name: 'fetch', message: 'Domain code calls nobody.' },
  { name: 'crypto', message: 'Ids are injected into domain code.' },
  { name: 'setTimeout', message: 'Domain code does not wait.' },
  { name: 'setInterval', message: 'Domain code does not wait.' },
];

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', '.local/**', '.nx/**', '**/fixtures/**'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.base],
    // No comment switches a rule off: a rule that is wrong is changed here, for everybody.
    linterOptions: { noInlineConfig: true },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'max-params': ['error', 4],
      'max-depth': ['error', 3],
      complexity: ['error', 10],
      eqeqeq: 'error',
      'no-console': 'error',
      'prefer-const': 'error',
      'no-restricted-syntax': ['error', noEnvironment],
    },
  },
  ...floors,
  ...purity,
  {
    files: ['libs/*/src/**/*.ts', 'services/*/src/**/*.ts'],
    ignores: ['**/*.spec.ts', '**/src/test/**', 'libs/event-sourcing/src/sessions/database-client.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          paths: [
            {
              name: 'pg',
              importNames: ['default', 'Client', 'Pool'],
              allowTypeImports: true,
              message: 'A DatabaseClient has limits; one of pg waits without end.',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['libs/trading/src/**/*.ts', 'libs/events/src/**/*.ts', 'libs/money/src/**/*.ts', '**/*.aggregate.ts'],
    ignores: ['**/*.spec.ts', '**/testing.ts'],
    rules: {
      'no-restricted-globals': ['error', ...clockAndChance],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Chance is injected into domain code.' },
      ],
      'no-restricted-syntax': [
        'error',
        noEnvironment,
        { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: 'Time is injected into domain code.' },
        { selector: 'MemberExpression[object.name="Date"][property.name="now"]', message: 'Time is injected into domain code.' },
        { selector: ':function[async=true]', message: 'Domain code waits for nobody.' },
        {
          selector: 'MethodDefinition[key.name=/^on[A-Z]/] ThrowStatement',
          message: 'What is stored has happened: a handler assigns, it does not refuse.',
        },
      ],
    },
  },
  {
    files: ['**/*.spec.ts', '**/test/**/*.ts', 'bench/**', 'e2e/**'],
    rules: { 'max-lines-per-function': 'off', 'max-lines': ['error', 500], 'no-restricted-syntax': 'off' },
  },
  { files: ['libs/service/src/run/config.ts'], rules: { 'no-restricted-syntax': 'off' } },
  { files: ['deploy/local/**', 'bench/**', 'e2e/**'], rules: { 'no-console': 'off', 'no-restricted-syntax': 'off' } },
);
