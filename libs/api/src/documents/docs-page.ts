import type { Answer, JsonSchema, OpenApiDocument, Operation, Parameter } from './document.ts';

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escape = (text: string): string => text.replace(/[&<>"]/g, (character) => escapes[character] ?? character);
/** Text of the document as HTML: `code` in backquotes. */
const prose = (text = ''): string => escape(text).replace(/`([^`]+)`/g, '<code>$1</code>');

const style = `
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5b6675;--line:#d9dee5;--paper:#fff;--tint:#f5f7f9;--get:#0b6e4f;--post:#1d4ed8}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#9aa5b4;--line:#2c3542;--paper:#12161c;--tint:#1a2029;--get:#4fc79a;--post:#7aa7ff}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
.page{display:grid;grid-template-columns:15rem minmax(0,50rem);gap:3rem;max-width:72rem;margin:0 auto;padding:2rem 1.5rem 6rem}
nav{position:sticky;top:2rem;align-self:start;font-size:.9rem;max-height:calc(100vh - 4rem);overflow:auto}
nav b{display:block;margin:1.2rem 0 .3rem;color:var(--soft);font-weight:600}nav a{display:block;padding:.15rem 0;color:inherit;text-decoration:none}
nav a:hover,a:hover{text-decoration:underline}a{color:var(--post)}h1{font-size:2rem;margin:0 0 .3rem}h2{font-size:1.35rem;margin:3.2rem 0 .2rem;scroll-margin-top:1rem}
h3{font-size:1rem;margin:1.6rem 0 .4rem;color:var(--soft)}p{margin:.4rem 0}code{font:.88em ui-monospace,monospace;background:var(--tint);padding:.1em .3em;border-radius:3px}
.route{font:600 .95rem ui-monospace,monospace;padding:.5rem .8rem;background:var(--tint);border:1px solid var(--line);border-radius:6px;overflow-x:auto;white-space:nowrap}
.get{color:var(--get)}.post,.put,.delete{color:var(--post)}pre{background:var(--tint);border:1px solid var(--line);border-radius:6px;padding:.8rem;overflow-x:auto;font:.82rem/1.5 ui-monospace,monospace}
.table{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.92rem}td{border-top:1px solid var(--line);padding:.45rem .8rem .45rem 0;vertical-align:top}
td:first-child{white-space:nowrap;font-family:ui-monospace,monospace;font-size:.86rem}small{color:var(--soft)}
@media(max-width:55rem){.page{grid-template-columns:minmax(0,1fr)}nav{position:static;max-height:none}}`;

const refName = (ref: string): string => ref.split('/').at(-1) ?? ref;

const literal = (value: unknown): string => `<code>${escape(String(value))}</code>`;
const variantsOf = (schema: JsonSchema) => (schema['oneOf'] ?? schema['anyOf']) as readonly JsonSchema[] | undefined;

/** A type in a few words; a name links to its schema. */
function typeOf(schema: JsonSchema): string {
  if (schema.$ref) return `<a href="#${refName(schema.$ref)}">${refName(schema.$ref)}</a>`;
  const choices = (schema['enum'] ?? ('const' in schema ? [schema['const']] : undefined)) as readonly unknown[] | undefined;
  if (choices) return choices.map(literal).join(' | ');
  const variants = variantsOf(schema);
  if (variants) return variants.map(typeOf).join(' | ');
  if (schema.type === 'array') return `list of ${typeOf(schema['items'] as JsonSchema)}`;
  if (schema.type === 'object' && schema.properties) return `{ ${Object.keys(schema.properties).join(', ')} }`;
  return plainType(schema);
}

function plainType({ type = 'anything', format }: JsonSchema): string {
  return escape(typeof format === 'string' ? `${type} (${format})` : type);
}

const exampleOf = ({ examples }: JsonSchema): string =>
  Array.isArray(examples) && examples.length > 0 ? `<br><small>Example:</small> <code>${escape(String(examples[0]))}</code>` : '';

const table = (rows: readonly string[]): string =>
  rows.length > 0 ? `<div class="table"><table>${rows.join('')}</table></div>` : '';

const row = (name: string, required: boolean, schema: JsonSchema): string =>
  `<tr><td>${escape(name)}${required ? '' : '<br><small>optional</small>'}</td><td>${typeOf(schema)}<br>${prose(schema.description)}${exampleOf(schema)}</td></tr>`;

function fieldsOf({ properties = {}, required = [] }: JsonSchema): string {
  return table(Object.entries(properties).map(([name, schema]) => row(name, required.includes(name), schema)));
}

function schemaSection([name, schema]: [string, JsonSchema]): string {
  const variants = variantsOf(schema);
  const body = variants
    ? variants.map((each) => `<p>${prose(each.description)}</p>${fieldsOf(each)}`).join('')
    : fieldsOf(schema);
  return `<section><h2 id="${name}">${name}</h2><p>${prose(schema.description)}</p>${body}</section>`;
}

const parameterRow = ({ name, required, description, schema, in: place }: Parameter): string =>
  row(`${name} (${place})`, required, { ...schema, ...(description !== undefined && { description }) });

function answerRow([status, { description, content, headers = {} }]: [string, Answer]): string {
  const [body] = Object.values(content ?? {});
  const named = Object.keys(headers).map((name) => `<code>${name}</code>`);
  const extras = [body && typeOf(body.schema), named.length > 0 && `with ${named.join(', ')}`].filter(Boolean);
  return `<tr><td>${status}</td><td>${prose(description)}<br><small>${extras.join(' ')}</small></td></tr>`;
}

/** A valid body of the document's examples: the required fields and a name, or all fields if none is required. */
function exampleBody({ properties = {}, required = [] }: JsonSchema): Record<string, unknown> {
  const names = required.length > 0 ? [...required, 'clientOrderId'] : Object.keys(properties);
  const wanted = Object.entries(properties).filter(([name]) => names.includes(name));
  return Object.fromEntries(wanted.map(([name, schema]) => [name, exampleFor(schema)]));
}

/** The example of a required body. */
function bodyToSend({ requestBody }: Operation, { schemas }: OpenApiDocument['components']): Record<string, unknown> | undefined {
  const ref = requestBody?.required ? requestBody.content['application/json']?.schema.$ref : undefined;
  const schema = ref === undefined ? undefined : schemas[refName(ref)];
  return schema && exampleBody(schema);
}

const exampleFor = (schema: JsonSchema): unknown =>
  ((schema['examples'] ?? schema['enum']) as readonly unknown[] | undefined)?.[0];

/** The placeholder for an id in a path. */
const idOf = (path: string): string => (path.startsWith('/v1/accounts') ? '$ACCOUNT' : '$ORDER');

/** The operation as a curl command. */
function curlOf(path: string, method: string, { parameters }: Operation, body: Record<string, unknown> | undefined): string {
  const filled = path.replace('{id}', idOf(path)).replace('{subject}', '$SUBJECT').replace('{scope}', 'all');
  const query = path === '/v1/orders' && method === 'get' ? '?accountId=$ACCOUNT' : '';
  const headers = parameters
    .filter((each) => each.in === 'header' && each.required)
    .map(({ name, schema }) => `  -H '${name}: ${String(exampleFor(schema))}'`);
  return [
    `curl ${method === 'get' ? '' : `-X ${method.toUpperCase()} `}"$TRADECORE${filled}${query}"`,
    `  -H "Authorization: Bearer $TOKEN"`,
    ...headers,
    ...(body ? [`  -H 'Content-Type: application/json'`, `  -d '${JSON.stringify(body, null, 2)}'`] : []),
  ].join(' \\\n');
}

function operationSection(path: string, method: string, operation: Operation, { components }: OpenApiDocument): string {
  const { operationId, summary, description, parameters, requestBody, responses } = operation;
  const body = requestBody?.content['application/json'];
  const isStream = operation.tags.includes('Stream');
  const call = curlOf(path, method, operation, bodyToSend(operation, components));
  return `<section><h2 id="${operationId}">${escape(summary)}</h2>
<p class="route"><span class="${method}">${method.toUpperCase()}</span> ${escape(path)}</p><p>${prose(description)}</p>
${parameters.length > 0 ? `<h3>Parameters</h3>${table(parameters.map(parameterRow))}` : ''}
${body ? `<h3>Body</h3><p>${typeOf(body.schema)}${requestBody.required ? '' : ', optional'}</p>` : ''}
<h3>Answers</h3>${table(Object.entries(responses).map(answerRow))}
${isStream ? '' : `<h3>Call</h3><pre>${escape(call)}</pre>`}</section>`;
}

/** The document as one HTML page, without scripts or external resources. */
export function docsPage(document: OpenApiDocument): string {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const links = document.tags.map(({ name }) => {
    const own = operations.filter(({ operation }) => operation.tags.includes(name));
    return `<b>${name}</b>${own.map(({ operation: { operationId, summary } }) => `<a href="#${operationId}">${escape(summary)}</a>`).join('')}`;
  });
  const schemas = Object.entries(document.components.schemas);
  const { title = '', summary = '', description = '' } = document.info;
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escape(title)} API</title><style>${style}</style></head><body><div class="page">
<nav><b>${escape(title)}</b><a href="#top">Overview</a><a href="/openapi.json">openapi.json</a><a href="/asyncapi.json">asyncapi.json</a>${links.join('')}<b>Schemas</b>${schemas.map(([name]) => `<a href="#${name}">${name}</a>`).join('')}</nav>
<main id="top"><h1>${escape(title)} API</h1><p>${prose(summary)}</p><p>${prose(description)}</p>
${operations.map(({ path, method, operation }) => operationSection(path, method, operation, document)).join('\n')}
${schemas.map(schemaSection).join('\n')}</main></div></body></html>`;
}
