/**
 * Delay before the next attempt: doubles from `baseMs` to `capMs`, random within its upper half, so that crowds
 * disperse.
 */
export function backoffMs(attempts: number, { baseMs, capMs }: { readonly baseMs: number; readonly capMs: number }): number {
  const full = Math.min(capMs, baseMs * 2 ** Math.min(attempts - 1, 30));
  return full * (0.5 + Math.random() / 2);
}
