/** A service with a loop, for `run-service.int.spec.ts`. `LOOP` sets how it behaves when it must stop. */
import { Inject, Injectable, Module, type BeforeApplicationShutdown } from '@nestjs/common';
import { Controller, Get } from '@nestjs/common';
import { heartbeat } from '@tradecore/telemetry';
import { z } from 'zod';
import { Public, runService, tokens, type Config } from '../src/index.ts';

const own = { LOOP: z.enum(['drains', 'hangs']).default('drains') };

@Injectable()
class Loop implements BeforeApplicationShutdown {
  constructor(@Inject(tokens.config) private readonly config: Config<typeof own>) {
    const attempt = heartbeat('loop');
    setInterval(() => void attempt(() => Promise.resolve()), 100);
  }
  async beforeApplicationShutdown(): Promise<void> {
    if (this.config.LOOP === 'hangs') await new Promise(() => undefined);
    process.stdout.write('drained\n');
  }
}

@Controller()
class Door {
  @Public()
  @Get('slow')
  async slow(): Promise<string> {
    process.stdout.write('{"msg":"asked"}\n');
    await new Promise((resolve) => setTimeout(resolve, 400));
    return 'finished';
  }
  @Public()
  @Get('bug')
  bug(): void {
    void Promise.reject(new Error('nothing awaits this'));
  }
}

@Module({ controllers: [Door], providers: [Loop] })
class LoopModule {}

await runService({ name: 'loop', module: LoopModule, uses: [], http: true, config: own });
