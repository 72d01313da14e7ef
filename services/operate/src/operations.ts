import type { Database } from '@tradecore/checks';

/** Said, with exit code 1, when the fleet refuses an operation: nothing was changed. */
export class Refused extends Error {}

/** What the functions of the schema `operate` raise for the operator to read. */
const refusal = 'TC100';

/**
 * Calls a function of the schema `operate`, which acts and stores what it did in one transaction: `operation(database, 'resume', name, why)`.
 * Throws `Refused`.
 */
export async function operation(database: Database, name: string, ...given: readonly unknown[]): Promise<string> {
  const parameters = given.map((_, index) => `$${index + 1}`).join(', ');
  try {
    const [row] = await database.query(`select operate.${name}(${parameters})::text as said`, [...given]);
    return String(row?.['said']);
  } catch (error) {
    throw (error as { code?: string }).code === refusal ? new Refused((error as Error).message) : error;
  }
}
