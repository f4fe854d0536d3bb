// Says at each stage what it sees: which stage it is, it tells by the state that it left before.
const fs = require('fs')
const {env} = process
const stage = env.STATE_next || 'main'
const name = env['INPUT_WHO_TO_GREET']
const sees = ['STATE_told', 'GITHUB_ACTION', 'GITHUB_ACTION_REPOSITORY', 'GITHUB_ACTION_REF', 'FROM_STEP']
console.log(`> ${stage} ${name}` + sees.map(each => (env[each] ? ` ${each}=${env[each]}` : '')).join(''))
if (process.cwd() !== env.GITHUB_WORKSPACE) throw new Error(`runs in ${process.cwd()}`)
fs.appendFileSync(env.GITHUB_STATE, `next=post\ntold<<EOF\nby ${stage}\nEOF\n`)
fs.appendFileSync(env.GITHUB_OUTPUT, `greeting=hello ${name}\n`)
fs.appendFileSync(env.GITHUB_ENV, `SET_BY_${name.toUpperCase()}=${stage}\n`)
if (env.INPUT_FAIL.split(' ').includes(stage)) process.exit(3)
