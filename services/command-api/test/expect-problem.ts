import { problemResponse } from '@tradecore/api';
import type { Answer } from './running-command-api.ts';

/** Checks that the answer is a complete problem document with this status and code. */
export function expectProblem(answer: Answer, status: number, code: string): void {
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(problemResponse.parse(answer.body)).toMatchObject({
    type: `https://tradecore.dev/problems/${code}`,
    status,
    instance: expect.stringMatching(/^\//),
    traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
  });
  expect(answer.status).toBe(status);
}
