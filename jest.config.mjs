import { readFileSync } from 'node:fs';

const swc = JSON.parse(readFileSync(new URL('.swcrc', import.meta.url), 'utf8'));
delete swc.$schema;
delete swc.jsc.rewriteRelativeImportExtensions;

const servers = {
  globalSetup: '<rootDir>/deploy/local/src/testing/jest-set-up.mjs',
  globalTeardown: '<rootDir>/deploy/local/src/testing/jest-tear-down.mjs',
};

/** One project a kind of test, chosen by the suffix of the file's name. */
const kind = (displayName, testMatch, extra = {}) => ({
  displayName,
  testMatch,
  testPathIgnorePatterns: ['/node_modules/', '/dist/', '/.local/'],
  modulePathIgnorePatterns: ['/dist/', '/.local/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest', { ...swc, swcrc: false }] },
  testEnvironmentOptions: { customExportConditions: ['@tradecore/source', 'node', 'node-addons'] },
  ...extra,
});

export default {
  // Real servers on a busy machine of two cores answer late, not wrong.
  testTimeout: 30_000,
  testSequencer: '<rootDir>/deploy/local/src/testing/sequencer.mjs',
  projects: [
    kind('spec', ['**/*.spec.ts', '!**/*.int.spec.ts', '!**/*.e2e.spec.ts']),
    kind('int', ['**/*.int.spec.ts'], servers),
    kind('e2e', ['**/*.e2e.spec.ts'], servers),
  ],
};
