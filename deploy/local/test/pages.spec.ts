import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { catalogue, topics } from '@tradecore/events';
import { groupsOf } from '../src/watch/alerts/rules.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const rowsOf = (page: string): string[][] =>
  [...read(page).matchAll(/^\| (?!---|service |term )(.+) \|$/gm)].map(([, row = '']) => row.split(' | '));
const codesIn = (cell = ''): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code).sort();
const sourceOf = (service: string): string =>
  globSync('**/*.ts', { cwd: join(root, 'services', service, 'src'), exclude: (path) => String(path).endsWith('.spec.ts') })
    .map((path) => read(join('services', service, 'src', path)))
    .join('\n');

const topicNames = Object.values(topics).map(({ name }) => name as string);

describe('docs/services.md', () => {
  const rows = new Map(rowsOf('docs/services.md').map((cells) => [/^\[([a-z-]+)\]/.exec(cells[0] ?? '')?.[1] ?? '', cells]));
  const services = readdirSync(join(root, 'services')).filter((name) => existsSync(join(root, 'services', name, 'src/main.ts')));

  it('has one row a service', () => expect([...rows.keys()].sort()).toEqual(services.toSorted()));

  it.each(services)('%s: names the topics on which its events travel', (service) => {
    const [, , , produces] = rows.get(service) ?? [];
    const stored = Object.values(catalogue)
      .filter(({ writers }) => Object.hasOwn(writers, service))
      .map(({ topic }) => topic);
    const named = codesIn(produces).filter((name) => topicNames.includes(name));
    expect(named).toEqual(expect.arrayContaining([...new Set(stored)]));
    const byHand = named.filter((name) => !stored.includes(name));
    const key = Object.entries(topics).find(([, { name }]) => byHand.includes(name))?.[0];
    if (key !== undefined) expect(sourceOf(service)).toContain(`topics.${key}`);
  });

  it.each(services)('%s: names the topics that it reads', (service) => {
    const [, , consumes] = rows.get(service) ?? [];
    const named = codesIn(consumes).filter((name) => name !== 'event_outbox');
    expect(named.filter((name) => !topicNames.includes(name))).toEqual([]);
    const source = sourceOf(service);
    expect(named.includes(topics.marketData.name)).toBe(source.includes('@tradecore/market-data'));
    if (!service.endsWith('-projector')) return;
    const [model] = globSync(`libs/read-models/src/*.projector.ts`, { cwd: root }).filter((path) =>
      read(path).includes(`'${service}'`),
    );
    const folded = [...read(model ?? '').matchAll(/topics\.(\w+)\.name/g)].map(
      ([, key]) => topics[key as keyof typeof topics].name,
    );
    expect(named).toEqual(folded.toSorted());
  });

  it.each(services)('%s: names its own tables', (service) => {
    const [, , , , tables] = rows.get(service) ?? [];
    const schema = service.replaceAll('-', '_');
    const sql = globSync('libs/*/schema/*.sql', { cwd: root })
      .map((path) => read(path).replaceAll('{{schema}}', schema))
      .join('\n');
    const missing = codesIn(tables).filter((table) => !sql.includes(`create table ${table}`));
    expect(missing).toEqual([]);
    const ofModel = globSync('libs/*/schema/*.sql', { cwd: root }).flatMap((path) => [
      ...read(path).matchAll(new RegExp(`create table (${schema}\\.\\w+)`, 'g')),
    ]);
    expect(codesIn(tables)).toEqual(expect.arrayContaining(ofModel.map(([, table]) => table)));
  });

  it.each(services)('%s: names its own settings', (service) => {
    const [, , , , , settings] = rows.get(service) ?? [];
    const declared = [...sourceOf(service).matchAll(/^ {2}([A-Z][A-Z_]{3,}): (?:z|onOff|url)\b/gm)].map(([, name]) => name);
    const spread = [...sourceOf(service).matchAll(/^ {2}([A-Z][A-Z_]{3,}): z\n/gm)].map(([, name]) => name);
    expect(codesIn(settings)).toEqual([...new Set([...declared, ...spread])].sort());
  });

  it('names every alert where it comes from, and no other', () => {
    const ofServices = groupsOf().filter(({ name }) => name !== 'tradecore-servers');
    const alerts = ofServices.flatMap((group) => group.alerts.map(({ alert }) => alert)).filter((name) => name !== 'Watchdog');
    const rowsSay = [...rows.values()].flatMap((cells) => codesIn(cells[6]));
    const [, ofAny = ''] = /Any consumer can raise([^]*?)\.\n\n/.exec(read('docs/services.md')) ?? [];
    expect([...new Set([...rowsSay, ...codesIn(ofAny)])].sort()).toEqual([...new Set(alerts)].sort());
  });
});

describe('docs/glossary.md', () => {
  const plain = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, '');
  const terms = rowsOf('docs/glossary.md').map(([term = '', , file = '']) => ({
    term,
    path: /\(\.\.\/([^)]+)\)/.exec(file)?.[1] ?? '',
  }));

  it.each(terms)('$term has its home in $path', ({ term, path }) => {
    expect(existsSync(join(root, path))).toBe(true);
    expect(plain(read(path))).toContain(plain(term));
  });

  it('has each term once, in order', () => {
    const names = terms.map(({ term }) => term);
    expect(new Set(names).size).toBe(names.length);
    const [trade, runtime] = read('docs/glossary.md').split('## Of the runtime');
    for (const part of [trade, runtime]) {
      const inPart = names.filter((name) => part?.includes(`\n| ${name} |`));
      expect(inPart).toEqual(inPart.toSorted());
    }
  });
});
