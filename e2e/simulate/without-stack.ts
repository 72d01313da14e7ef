/** Runs what may be refused: an answer needs no stack, and to take one costs more than the decision. What is thrown otherwise is thrown as it is. */
export function withoutStack<T>(run: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return run();
  } finally {
    Error.stackTraceLimit = limit;
  }
}
