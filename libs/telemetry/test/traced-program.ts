/**
 * A door and a projector in one small program, for `start.int.spec.ts`: a request runs SQL under its span and "stores"
 * its traceparent; later work outside any request continues it. Prints its port; ends when its input ends.
 */
import { createServer } from 'node:http';
import pg from 'pg';
import { currentContext, flushTelemetry, runInContext, traced, tracedBatch } from '../src/index.ts';
import { activeTraceparent } from '../src/trace-context.ts';

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 1 });
const stored: (string | undefined)[] = [];

const server = createServer((_, response) => {
  const traceparent = activeTraceparent();
  const work = { correlationId: 'c-1', ...(traceparent !== undefined && { traceparent }) };
  runInContext(work, async () => {
    await pool.query('select 1 as stored');
    stored.push(currentContext()?.traceparent);
    setTimeout(project, 0, response);
  });
});

function project(response: { end(text: string): void }): void {
  const traceparent = stored.pop() ?? '';
  runInContext({ correlationId: 'c-1', traceparent }, async () => {
    await traced('project orders', async () => pool.query('select 2 as projected'));
    const unsampled = `00-${'d'.repeat(32)}-${'d'.repeat(16)}-00`;
    const traces = [traceparent, `00-${'c'.repeat(32)}-${'c'.repeat(16)}-01`, undefined, traceparent, unsampled];
    await tracedBatch('batch', traces, async () => pool.query('select 3 as batched'));
    response.end(traceparent);
  });
}

server.listen(0, '127.0.0.1', () => process.stdout.write(`${JSON.stringify(server.address())}\n`));
process.stdin.on('end', async () => {
  server.close();
  await pool.end();
  await flushTelemetry();
  process.exit(0);
});
process.stdin.resume();
