import { closing, outcomeOf, type JestReport } from '../src/testing/test.ts';

const report = (part: Partial<JestReport>): JestReport => ({
  numPassedTests: 3,
  numFailedTests: 0,
  numPendingTests: 0,
  numRuntimeErrorTestSuites: 0,
  testResults: [],
  ...part,
});

describe('the closing line of a test run', () => {
  it('is exactly `N passed, N failed`, over all parts', () => {
    const green = [
      { passed: 1, failed: 0 },
      { passed: 1200, failed: 0 },
    ];
    expect(closing(green)).toEqual({ line: '1201 passed, 0 failed', exitCode: 0 });
    expect(closing([...green, { passed: 4, failed: 2 }])).toEqual({ line: '1205 passed, 2 failed', exitCode: 1 });
  });
});

describe('what a report of Jest counts as', () => {
  it('is its tests, as they are', () => {
    expect(outcomeOf(report({}), 0)).toMatchObject({ passed: 3, failed: 0 });
    const testResults = [{ status: 'failed', name: 'a.spec.ts', message: 'no' }];
    expect(outcomeOf(report({ numFailedTests: 2, testResults }), 1)).toEqual({ passed: 3, failed: 2, findings: 'a.spec.ts\nno' });
  });

  it('is a failure when a file could not be loaded, or when Jest died without naming one', () => {
    expect(outcomeOf(report({ numRuntimeErrorTestSuites: 1 }), 1).failed).toBe(1);
    expect([outcomeOf(report({}), 1).failed, outcomeOf(report({}), null).failed]).toEqual([1, 1]);
  });
});
