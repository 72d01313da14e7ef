/** A service with a door that queries the database, for `tracing.int.spec.ts`. */
import { Body, Controller, Inject, Module, Post } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { Public, runService, validated } from '../src/index.ts';

@Controller()
class Door {
  constructor(@Inject(DataSource) private readonly db: DataSource) {}

  @Public()
  @Post('ask')
  async ask(@Body(validated(z.strictObject({ what: z.string() }))) { what }: { what: string }): Promise<unknown> {
    return this.db.query('select $1::text as asked', [what]);
  }
}

@Module({ controllers: [Door] })
class TracedModule {}

await runService({ name: 'traced', module: TracedModule, http: true });
