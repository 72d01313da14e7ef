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
const floors = packages.map(({ path, name, floor }) => ({
  files: [`${path}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: packages
          .filter((other) => other.name !== name && other.floor >= floor && floor < 6)
          .map((other) => ({
            group: [other.name, `${other.name}/*`],
            message: `${name} stands on floor ${floor}, ${other.name} on floor ${other.floor}: imports go down only.`,
          })),
      },
    ],
  },
}));

const clockAndChance = [
  { name: 'Date', message: 'Time is injected into domain code.' },
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
    linterOptions: { reportUnusedDisableDirectives: 'error' },
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
      'no-restricted-syntax': [
        'error',
        {
          selector: 'MemberExpression[object.name="process"][property.name="env"]',
          message: 'Settings are read once, in config.',
        },
      ],
    },
  },
  ...floors,
  {
    files: ['libs/trading/src/**/*.ts', 'libs/events/src/**/*.ts', 'libs/money/src/**/*.ts', '**/*.aggregate.ts'],
    ignores: ['**/*.spec.ts', '**/testing.ts'],
    rules: {
      'no-restricted-globals': ['error', ...clockAndChance],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Chance is injected into domain code.' },
      ],
    },
  },
  {
    files: ['**/*.spec.ts', '**/test/**/*.ts', 'bench/**', 'e2e/**'],
    rules: { 'max-lines-per-function': 'off', 'max-lines': ['error', 500], 'no-restricted-syntax': 'off' },
  },
  { files: ['libs/service/src/config.ts'], rules: { 'no-restricted-syntax': 'off' } },
  { files: ['deploy/local/**', 'bench/**', 'e2e/**'], rules: { 'no-console': 'off', 'no-restricted-syntax': 'off' } },
);
