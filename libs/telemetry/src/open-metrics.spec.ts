import { openMetricsFaults } from './open-metrics.ts';

const page = [
  '# HELP a_seconds Of "a".'.replaceAll('"', '\\"'),
  '# TYPE a_seconds histogram',
  'a_seconds_bucket{r="x, y",le="0.5"} 1 # {trace_id="aa"} 0.4 1.5',
  'a_seconds_bucket{r="x, y",le="1.0"} 1',
  'a_seconds_bucket{r="x, y",le="+Inf"} 2',
  'a_seconds_sum{r="x, y"} 3.5',
  'a_seconds_count{r="x, y"} 2',
  '# TYPE b counter',
  'b_total 0',
  '# TYPE c gauge',
  'c{of="\\"1\\""} +Inf',
  '# EOF',
  '',
].join('\n');

describe('an OpenMetrics page', () => {
  it('is right', () => expect(openMetricsFaults(page)).toEqual([]));

  it.each([
    ['# EOF\n', '', 'the page does not end in # EOF'],
    ['# TYPE c gauge\nc', '# TYPE b_total gauge\nb_total', 'two families have b_total'],
    ['# TYPE b counter', '# TYPE d counter', 'not a sample of the family before it: b_total 0'],
    ['b_total 0', 'b_total 0\nb_total 0', 'twice: b_total{}'],
    ['b_total 0', 'b_total -1', 'below 0: b_total'],
    ['3.5', 'three', 'not a number: a_seconds_sum{r="x, y"} three'],
    ['b_total 0', 'b_total 0 # {a="b"} 1 1.5 x', 'not a sample: b_total 0 # {a="b"} 1 1.5 x'],
    ['le="1.0"', 'le="1"', 'wrong buckets: a_seconds{r="x, y"}'],
    ['le="+Inf"} 2', 'le="+Inf"} 0', 'wrong buckets: a_seconds{r="x, y"}'],
    ['count{r="x, y"} 2', 'count{r="x, y"} 3', 'wrong buckets: a_seconds{r="x, y"}'],
    ['+Inf\n', '+Inf # {a="b"} 1 1.5\n', 'an exemplar of c'],
    ['trace_id="aa"', `trace_id="${'a'.repeat(121)}"`, 'an exemplar too long: a_seconds_bucket{r="x, y",le="0.5"}'],
  ])('with %j as %j is wrong', (right, wrong, fault) => expect(openMetricsFaults(page.replace(right, wrong))).toEqual([fault]));
});
