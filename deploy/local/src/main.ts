import { runCommand } from './runner/commands.ts';

/** The commands behind the npm scripts; those that test the fleet are in `e2e/main.ts`. */
await runCommand({
  start: async () => (await import('./runner/start.ts')).start,
  test: async () => (await import('./testing/test.ts')).test,
  check: async () => (await import('./testing/test.ts')).check,
  reset: async () => (await import('./runner/reset.ts')).reset,
  compose: async () => (await import('./servers/compose.ts')).compose,
  token: async () => (await import('./runner/token.ts')).token,
  demo: async () => (await import('./demo/demo.ts')).demo,
});
