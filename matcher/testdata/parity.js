// Answers for TestParity with the real Next.js: reads questions from standard
// input, one JSON object a line, and writes one answer a line. NEXT_DIR names a
// directory in whose node_modules next is installed.
const find = (name) => require(require.resolve('next/dist/' + name, { paths: [process.env.NEXT_DIR] }))
const { SourceSchema } = find('build/segment-config/middleware/middleware-config')
const { tryToParsePath } = find('lib/try-to-parse-path')
const { getMiddlewareRouteMatcher } = find('shared/lib/router/utils/middleware-route-matcher')
console.error = () => {} // tryToParsePath reports errors there

function answer({ source, has, missing, cases }) {
  if (!SourceSchema.safeParse(source).success) return { error: 'source' }
  const { regexStr } = tryToParsePath(source)
  const matches = getMiddlewareRouteMatcher([{ regexp: regexStr, has, missing }])
  try {
    for (const c of [...(has ?? []), ...(missing ?? [])]) new RegExp(`^${c.value}$`)
  } catch {
    return { error: 'value' }
  }
  return {
    matches: cases.map(({ path, headers, search }) => {
      // Without a prototype, so that no parameter is there that was not sent.
      const query = Object.create(null)
      const params = new URL('http://n/' + search).searchParams
      for (const key of params.keys()) {
        const all = params.getAll(key)
        query[key] = all.length > 1 ? all : all[0]
      }
      return matches(path, { headers }, query)
    }),
  }
}

require('readline')
  .createInterface({ input: process.stdin })
  .on('line', (line) => process.stdout.write(JSON.stringify(answer(JSON.parse(line))) + '\n'))
