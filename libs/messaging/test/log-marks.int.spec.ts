import { topics } from '@tradecore/events';
import { markOf, partitionKey } from '../src/index.ts';
import { createTestKafka, type TestKafka } from '../src/testing.ts';

const topic = topics.userNotifications.name;

describe('a recreated topic', () => {
  let test: TestKafka;
  beforeAll(async () => {
    test = await createTestKafka({ declarations: [topics.userNotifications], partitions: 1 });
  });
  afterAll(() => test.drop());

  const publish = (...values: string[]) =>
    test.kafka.eventBus().publishBatch(
      topic,
      values.map((value) => ({ key: 'a', value })),
    );
  const isOther = async (mark: string): Promise<boolean> => {
    const partition = { topic, partition: 0 };
    const others = await test.kafka.otherLogs(
      [partition],
      new Map([[partitionKey(partition), mark]]),
      await test.kafka.topicIds([topic]),
    );
    return others.size > 0;
  };

  it('is another log, by its id or by the last record read', async () => {
    await publish('1', '2');
    const id = (await test.kafka.topicIds([topic])).get(topic);
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    const last = (await test.readTopic(topic)).at(-1);
    const marks = { byId: markOf(id), byRecord: markOf(undefined, last), byBoth: markOf(id, last), byNothing: markOf(undefined) };
    const others = async () => {
      const found = Object.entries(marks).map(async ([name, mark]) => ((await isOther(mark)) ? [name] : []));
      return (await Promise.all(found)).flat();
    };
    await publish('3');
    expect(await others()).toEqual([]);
    await test.remake(topic);
    expect(await others()).toEqual(['byId', 'byRecord', 'byBoth']); // the log ends before the record
    await publish('1', '2', '3', '4');
    expect(await others()).toEqual(['byId', 'byRecord', 'byBoth']); // another record has that offset
    expect((await test.kafka.topicIds([topic, 'missing'])).get(topic)).not.toBe(id);
  });
});
