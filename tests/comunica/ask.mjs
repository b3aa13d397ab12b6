// Ask one query with Comunica and print the answer as one line of JSON: node ask.mjs SOURCE QUERY
// SOURCE is an address, or "type@address" where Comunica shall not find out for itself what it is.
import { QueryEngine } from '@comunica/query-sparql';

const [source, query] = process.argv.slice(2);
const typed = source.match(/^([a-z]+)@(.*)$/);
const engine = new QueryEngine();
const answer = await engine.query(query, { sources: [typed ? { type: typed[1], value: typed[2] } : source] });
const said = (term) => term && { type: term.termType, value: term.value, language: term.language || undefined, datatype: term.datatype?.value };

if (answer.resultType === 'bindings') {
  const rows = await (await answer.execute()).toArray();
  console.log(JSON.stringify(rows.map((row) => Object.fromEntries([...row].map(([variable, term]) => [variable.value, said(term)])))));
} else if (answer.resultType === 'quads') {
  const quads = await (await answer.execute()).toArray();
  console.log(JSON.stringify(quads.map((quad) => [quad.subject, quad.predicate, quad.object].map((term) => term.value))));
} else {
  console.log(JSON.stringify(await answer.execute()));
}
