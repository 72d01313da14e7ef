import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Ajv } from 'ajv';
import { asyncApiDocument } from './asyncapi.ts';
import { clientMessage, serverMessage } from '../stream.ts';

const golden = new URL('../../golden/asyncapi.json', import.meta.url);
const document = asyncApiDocument();
const text = `${JSON.stringify(document, null, 2)}\n`;

describe('the AsyncAPI document', () => {
  it('is the golden one, so that a review shows every change (UPDATE_GOLDEN=1 rewrites it)', () => {
    if (process.env['UPDATE_GOLDEN'] || !existsSync(golden)) writeFileSync(golden, text);
    expect(text).toBe(readFileSync(golden, 'utf8'));
  });

  it('is AsyncAPI 3.0', () => {
    const schema = createRequire(import.meta.url)('@asyncapi/specs/schemas/3.0.0-without-$id.json') as object;
    const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
    expect([validate(document), validate.errors]).toEqual([true, null]);
    expect(validate({ ...document, channels: { stream: { address: 7 } } })).toBe(false);
  });

  it('has every message that client and service may send, and no dead reference', () => {
    const types = [...clientMessage.options, ...serverMessage.options].map(({ shape }) => shape.type.value);
    expect(Object.keys(document.components.messages)).toEqual(types);
    for (const [, path = ''] of text.matchAll(/"\$ref": "#\/([^"]+)"/g))
      expect([path, path.split('/').reduce<unknown>((part, key) => (part as Record<string, unknown>)?.[key], document)]).toEqual([
        path,
        expect.anything(),
      ]);
  });
});
