import type { Database } from '@tradecore/checks';

/** Said, with exit code 1, when something can't be done as things are: its message says why, and what to do. */
export class Refused extends Error {}

/** For the operator to read: a refusal of the functions of the schema `operate`, and a store that is closed, in which nothing can be recorded. */
const refusals = ['TC100', 'TC003'];

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
    throw refusals.includes(String((error as { code?: string }).code)) ? new Refused((error as Error).message) : error;
  }
}
