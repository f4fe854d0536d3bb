// Its three stages, told apart by the state that the one before left.
const {env} = process
const stage = env.STATE_stage || 'pre'
console.log(`> ${stage} ${env.INPUT_NAME} of ${env.GITHUB_ACTION_REPOSITORY}@${env.GITHUB_ACTION_REF} ${env.GITHUB_ACTION}`)
console.log(`::save-state name=stage::${{pre: 'main', main: 'post', post: 'over'}[stage]}`)
