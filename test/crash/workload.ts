/**
 * The programs that are killed. Each comes to the same end whatever the order of its turns and however often it is
 * interrupted, so that its end can be held against that of a run that never was.
 */
import type { WorkloadName } from './messages.ts';

/** Orders that the host puts in, one turn each with a receipt for itself and a token that it takes out by key. */
export const ORDERS: Readonly<Record<WorkloadName, number>> = { files: 20, pumps: 24 };
export const PUMPS = 3;
/** The second call of an order pours this number more. */
export const SECOND = 1_000;
/** Too large for the journal: a blob. */
export const PARCEL_BYTES = 70_000;

const PARCEL_EACH = 5;

export const hasParcel = (workload: WorkloadName, order: number): boolean =>
  workload === 'files' && order % PARCEL_EACH === 0;

export const range = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index + 1);

/** Four characters: its place in the file. */
export const textOf = (order: number): string => String(order).padStart(3, '0').concat(' ');

/**
 * Each order meets one unit of stock and the counter in a join; from there it is priced by a peek, written to a file
 * of its own twice, to its place in a common file, and as the next line of a log, whose size must then be right.
 */
const FILES = `
new box(\`rho:powerbox\`) in {
  @"rate"!(7) | @"counter"!(0) | @"line"!(0) |
  ${range(ORDERS.files)
    .map((unit) => `@"stock"!(${unit})`)
    .join(' | ')} |
  for (@id, @text <= @"orders" & @unit <= @"stock" & @n <= @"counter") {
    @"counter"!(n + 1) | @"used"!(unit) | @"shipped"!(id) | @"price"!(id) | @"work"!(id, text)
  } |
  for (@id <= @"price") { for (@rate <<- @"rate") { @"priced"!(id, id * rate) } } |
  for (@id, @parcel <= @"parcels") { @"measured"!(id, parcel.length()) } |
  for (dir <- box!?("fileSystem"); log <- dir!?("resolve", "log"); grid <- dir!?("resolve", "grid");
       @Nil <- log!?("write", ""); @Nil <- grid!?("write", "")) {
    for (@id, @text <= @"work") {
      for (whole <- dir!?("resolve", "order-" ++ text.slice(0, 3));
           @Nil <- whole!?("write", "draft"); @Nil <- whole!?("write", "order " ++ text)) { @"whole"!(id) } |
      for (@Nil <- grid!?("writeAt", id * 4, text)) { @"placed"!(id) } |
      for (@n <- @"line"; @Nil <- log!?("append", "line \${n}\\n" %% {"n": n}); @size <- log!?("size")) {
        @"line"!(n + 1) | @"logged"!(n, size)
      }
    }
  }
}`;

/** Each order is two calls, one after the other, of a native that cannot tell afterwards whether it was called. */
const POURS = `
new pour, ${range(PUMPS)
  .map((pump) => `pump${pump}(\`native:pump${pump}\`)`)
  .join(', ')} in {
  contract pour(@id, pump) = {
    for (@first <- pump!?("pour", id); @second <- pump!?("pour", id + ${SECOND})) { @"answers"!(id, first, second) }
  } |
  for (@id, @_ <= @"orders") {
    match id % ${PUMPS} {
      ${range(PUMPS)
        .map((pump) => `${pump % PUMPS} => { pour!(id, *pump${pump}) }`)
        .join('\n      ')}
    }
  }
}`;

export const PROGRAMS: Readonly<Record<WorkloadName, string>> = { files: FILES, pumps: POURS };
