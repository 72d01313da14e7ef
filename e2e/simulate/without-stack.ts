/**
 * Runs a decision that may refuse: a refusal needs no stack, and capturing one costs more than the decision. Other
 * errors are rethrown unchanged.
 */
export function withoutStack<T>(run: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return run();
  } finally {
    Error.stackTraceLimit = limit;
  }
}
