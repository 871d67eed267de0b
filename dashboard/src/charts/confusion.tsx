import type { JSX } from "preact";
import { count, plural, share } from "../format";
import { useWidth } from "../hooks";
import type { Performance } from "../types";

type Confused = NonNullable<Performance["confusion"]>;

/** A table with more classes is unreadable, and so is one with narrow columns. The most frequent mistakes are listed instead. */
const READABLE = 10;
const LISTED = 12;
/** Pixels of a column, and of the names and the recall together. */
const [COLUMN, ENDS] = [78, 170];

const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);

/** How often each class was predicted for each label. */
export function Confusion({ confusion }: { confusion: Confused }): JSX.Element {
  const [box, width] = useWidth();
  const { classes } = confusion;
  const fits = classes.length <= READABLE && (classes.length === 2 || width >= ENDS + COLUMN * classes.length);
  return <div ref={box}>{width > 0 && (fits ? <Matrix confusion={confusion} /> : <Mistakes confusion={confusion} />)}</div>;
}

function Matrix({ confusion: { classes, matrix } }: { confusion: Confused }): JSX.Element {
  return (
    <>
      <div class="sheet">
        <table class="confusion free">
          <caption class="hidden">Labelled predictions by label and predicted class</caption>
          <thead>
            <tr>
              <th scope="col">Label ↓ Predicted →</th>
              {classes.map((name) => (
                <th key={name} scope="col" class="number">
                  {name}
                </th>
              ))}
              <th scope="col" class="number">
                Recall
              </th>
            </tr>
          </thead>
          <tbody>
            {classes.map((name, row) => {
              const labelled = sum(matrix[row]!);
              return (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  {matrix[row]!.map((n, column) => (
                    <td key={column} class={`number cell ${row === column ? "hit" : "miss"}`} style={{ "--part": labelled ? n / labelled : 0 }}>
                      {count(n)}
                      <small>{labelled ? share(n / labelled) : "–"}</small>
                    </td>
                  ))}
                  <td class="number strong">{labelled ? share(matrix[row]![row]! / labelled) : "–"}</td>
                </tr>
              );
            })}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row">Precision</th>
              {classes.map((name, column) => {
                const predicted = sum(matrix.map((row) => row[column]!));
                return (
                  <td key={name} class="number strong">
                    {predicted ? share(matrix[column]![column]! / predicted) : "–"}
                  </td>
                );
              })}
              <td />
            </tr>
          </tfoot>
        </table>
      </div>
      <p class="muted note">Percentages are shares of the predictions with that label.</p>
    </>
  );
}

/** The most frequent pairs of label and wrong prediction. */
function Mistakes({ confusion: { classes, matrix } }: { confusion: Confused }): JSX.Element {
  const total = sum(matrix.flat());
  const wrong = total - sum(matrix.map((row, place) => row[place]!));
  const pairs = matrix
    .flatMap((row, label) => row.map((n, predicted) => ({ label, predicted, n })))
    .filter(({ label, predicted, n }) => label !== predicted && n > 0)
    .sort((a, b) => b.n - a.n);
  if (pairs.length === 0) return <p class="muted">Every prediction of the window equals its label.</p>;
  return (
    <>
      <p class="muted note">
        {count(wrong)} of {plural(total, "prediction")} are wrong. These are the most frequent mistakes.
      </p>
      <div class="sheet">
        <table class="free mistakes">
          <thead>
            <tr>
              <th scope="col">Label</th>
              <th scope="col">Predicted</th>
              <th scope="col" class="number">
                Count
              </th>
              <th scope="col" class="number">
                Of the label
              </th>
            </tr>
          </thead>
          <tbody>
            {pairs.slice(0, LISTED).map(({ label, predicted, n }) => (
              <tr key={`${label} ${predicted}`}>
                <th scope="row">{classes[label]}</th>
                <td class="wrapped">{classes[predicted]}</td>
                <td class="number">{count(n)}</td>
                <td class="number">{share(n / sum(matrix[label]!))}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
