import { Controller, Get, Header } from '@nestjs/common';
import { Public } from '@tradecore/service';
import { asyncApiDocument, docsPage, openApiDocument } from '@tradecore/api';

const document = openApiDocument();
const stream = asyncApiDocument();
const page = docsPage(document);

/** The documentation of the API, for programs and people; public, because it holds no data. */
@Controller()
export class DocumentsHttp {
  /** `GET /openapi.json`: OpenAPI 3.1 of the whole fleet. */
  @Public()
  @Get('openapi.json')
  @Header('cache-control', 'public, max-age=300')
  openapi(): object {
    return document;
  }

  /** `GET /asyncapi.json`: AsyncAPI 3.0 of the stream. */
  @Public()
  @Get('asyncapi.json')
  @Header('cache-control', 'public, max-age=300')
  asyncapi(): object {
    return stream;
  }

  /** `GET /docs`: the same as one HTML page, without scripts or external resources. */
  @Public()
  @Get('docs')
  @Header('content-type', 'text/html; charset=utf-8')
  @Header('cache-control', 'public, max-age=300')
  @Header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
  docs(): string {
    return page;
  }
}
