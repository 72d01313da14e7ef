import { createTestDatabase } from '@tradecore/event-sourcing/testing';
import { introduceDemoPerson } from '../src/demo/account.ts';
import { demoPerson, demoSubject } from '../src/runner/issuer.ts';

it('the owner of the demo account is the same person in every home, however often it starts', async () => {
  const database = await createTestDatabase();
  try {
    await introduceDemoPerson(database.url);
    await introduceDemoPerson(database.url);
    const commands = await database.dataSourceFor('command-api');
    expect(await commands.query('select person_of($1) as person', [demoSubject])).toEqual([{ person: demoPerson }]);
  } finally {
    await database.drop();
  }
});
