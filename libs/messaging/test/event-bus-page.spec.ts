import { readFileSync, writeFileSync } from 'node:fs';
import { topics, type TopicDeclaration } from '@tradecore/events';

const page = new URL('../../../docs/event-bus.md', import.meta.url);
const [begin, end] = [/<!-- topics:begin[^\n]*-->\n/, '<!-- topics:end -->'];

const keeps = ({ compacted, retentionMs }: TopicDeclaration): string =>
  compacted ? 'the last of each key' : `${(retentionMs ?? 0) / 86_400_000} days`;

/** The table of topics, made from the declarations. */
function table(): string {
  const rows = Object.values<TopicDeclaration>(topics).map((each) => [
    `\`${each.name}\``,
    each.carries,
    each.key,
    each.writer,
    String(each.partitions),
    keeps(each),
  ]);
  const head = ['topic', 'carries', 'key', 'writer', 'partitions', 'keeps'];
  return [head, head.map(() => '---'), ...rows].map((transitions) => `| ${transitions.join(' | ')} |\n`).join('');
}

describe('docs/event-bus.md', () => {
  it('has the table of the topics that the code declares', () => {
    const text = readFileSync(page, 'utf8');
    const from = text.search(begin) + (begin.exec(text)?.[0].length ?? 0);
    const wanted = text.slice(0, from) + table() + text.slice(text.indexOf(end));
    if (process.env['UPDATE_GOLDEN']) writeFileSync(page, wanted);
    else expect(text).toBe(wanted);
  });
});
