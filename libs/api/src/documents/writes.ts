import type { Answer, OpenApiDocument, Operation } from './document.ts';
import { answerHeaders, json, parametersOf, problem, securityOf, writeRefusals } from './parts.ts';
import { writeRoutes, type WriteRoute } from './write-routes.ts';

function answersOf({ answer, answers, answerHeaders: names }: WriteRoute): Record<string, Answer> {
  const headers = Object.fromEntries(names.map((name) => [name, answerHeaders[name]]));
  return Object.fromEntries(
    Object.entries(answers).map(([status, description]) => [status, { description, headers, content: json(answer) }]),
  );
}

function operationOf(route: WriteRoute): Operation {
  const { operationId, summary, description, tag, needs, pathParameters, headers, body, refusals } = route;
  const own = Object.entries(refusals).map(([status, each]) => [status, problem(each)]);
  return {
    operationId,
    summary,
    description,
    tags: [tag],
    security: securityOf(needs),
    parameters: [...parametersOf('path', pathParameters), ...parametersOf('header', headers)],
    ...(body && { requestBody: { required: body.required, content: json(body.schema) } }),
    responses: { ...answersOf(route), ...writeRefusals, ...Object.fromEntries(own) },
  };
}

/** The operations that write, made from the table of routes. */
export const writePaths: OpenApiDocument['paths'] = Object.fromEntries(
  [...Map.groupBy(writeRoutes, ({ path }) => path)].map(([path, routes]) => [
    path,
    Object.fromEntries(routes.map((route) => [route.method, operationOf(route)])),
  ]),
);
