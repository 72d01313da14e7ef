import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { docsPage } from './docs-page.ts';
import type { JsonSchema } from './document.ts';
import { openApiDocument } from './openapi.ts';

const golden = new URL('../../golden/openapi.json', import.meta.url);
const document = openApiDocument();
const text = `${JSON.stringify(document, null, 2)}\n`;

describe('the OpenAPI document', () => {
  it('is the golden one, so that a review shows every change (UPDATE_GOLDEN=1 rewrites it)', () => {
    if (process.env['UPDATE_GOLDEN'] || !existsSync(golden)) writeFileSync(golden, text);
    expect(text).toBe(readFileSync(golden, 'utf8'));
  });

  it('has every schema that it refers to, and no other', () => {
    const referred = new Set([...text.matchAll(/"\$ref": "([^"]+)"/g)].map(([, ref]) => ref));
    const known = Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`);
    const stream = ['StreamClientMessage', 'StreamServerMessage'].map((name) => `#/components/schemas/${name}`);
    expect([...referred, ...stream].toSorted()).toEqual(known.toSorted());
  });

  it('allows no unknown field in any body', () => {
    const bodies = Object.values(document.paths).flatMap((methods) =>
      Object.values(methods).flatMap(({ requestBody }) => requestBody ?? []),
    );
    expect(bodies).toHaveLength(9);
    for (const { content } of bodies) {
      const name = content['application/json']?.schema.$ref?.split('/').at(-1) ?? '';
      expect(document.components.schemas[name]).toMatchObject({ type: 'object', additionalProperties: false });
    }
  });

  it('lists the refusals of each operation', () => {
    for (const methods of Object.values(document.paths)) {
      for (const { operationId, responses } of Object.values(methods)) {
        expect([operationId, Object.keys(responses)]).toEqual([operationId, expect.arrayContaining(['401', '503'])]);
      }
    }
  });

  it('names each parameter of a path once', () => {
    for (const [path, methods] of Object.entries(document.paths)) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      for (const { parameters } of Object.values(methods)) {
        expect(parameters.filter((each) => each.in === 'path').map(({ name }) => name)).toEqual(inPath);
      }
    }
  });
});

describe('the HTML page', () => {
  const page = docsPage(document);

  it('has no external resources and no scripts', () => {
    expect(page).not.toMatch(/<script|<link|<img|src=|https?:\/\/(?!tradecore\.dev)/);
  });

  it('has every operation and schema, and no dead link', () => {
    const ids = new Set([...page.matchAll(/id="([^"]+)"/g)].map(([, id]) => id));
    const links = [...page.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);
    expect(links.filter((link) => !ids.has(link))).toEqual([]);
    for (const name of Object.keys(document.components.schemas)) expect(ids).toContain(name);
  });

  it('has every example of its calls from the document', () => {
    expect(page).toContain('&quot;amount&quot;: &quot;10000.00&quot;');
    expect(page).toMatch(/-H 'Idempotency-Key: [0-9a-f-]{36}'/);
    expect(page).not.toMatch(/undefined|-d '\{\}'/);
  });

  it('escapes text of the document', () => {
    const schema: JsonSchema = { type: 'object', description: '<b onclick="x">&' };
    const evil = docsPage({ ...document, components: { ...document.components, schemas: { Evil: schema } } });
    expect(evil).toContain('&lt;b onclick=&quot;x&quot;&gt;&amp;');
  });
});
