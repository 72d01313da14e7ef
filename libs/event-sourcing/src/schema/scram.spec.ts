import { scramVerifier } from './scram.ts';

describe('a SCRAM verifier', () => {
  it('has a new salt each time', () => {
    expect(scramVerifier('pencil-pencil')).not.toBe(scramVerifier('pencil-pencil'));
  });

  it.each(['short', 'with space here', 'Grüße-an-alle', 'x'.repeat(201)])('is refused for %j', (password) => {
    expect(() => scramVerifier(password)).toThrow('8 to 200 visible ASCII');
  });
});
