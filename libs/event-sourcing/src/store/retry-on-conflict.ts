import { ConcurrencyException } from './store-errors.ts';

/**
 * Runs a use case (load, decide, save) again when another writer was faster: at most `attempts` times (5 when absent),
 * then the last `ConcurrencyException` passes. Any other error passes at once.
 */
export async function retryOnConflict<T>(useCase: () => Promise<T>, attempts = 5): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await useCase();
    } catch (error) {
      if (!(error instanceof ConcurrencyException) || attempt >= attempts) throw error;
    }
  }
}
