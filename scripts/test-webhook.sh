#!/usr/bin/env bash
# Sends a realistic webhook to a source, signed as its provider would, and shows what comes back. It never waits for
# input. Needs bash, curl and openssl.

set -euo pipefail

usage() {
  cat <<'USAGE'
Usage: test-webhook.sh URL [options]

  URL                 the URL of the source: https://…/api/webhooks/ingest/wh_…

Options:
  --profile PROFILE   generic (the default), github, gitlab or stripe
  --secret SECRET     what the source checks with; without it the request is not signed.
                      The environment variable WEBHOOK_SECRET does the same, and stays out of the shell's history
  --event TYPE        another event than the first:
                        generic   any type; deploy.completed is the first
                        github    pull_request.opened, issues.opened
                        gitlab    merge_request.open
                        stripe    checkout.session.completed
  --id ID             the id of the delivery; a new one each time when left out.
                      With a fixed id the second run is a duplicate, and is answered as one
  --yes               send all events that the profile has here, one after the other
  --help              this text

Exit code: 0 when all were answered with success, 1 when one was not, 2 when the command is wrong.
USAGE
}

wrong() {
  printf 'test-webhook.sh: %s\n\n' "$1" >&2
  usage >&2
  exit 2
}

# ------------------------------------------------------------------------------------------------ the command line

url=''
profile='generic'
secret="${WEBHOOK_SECRET:-}"
event=''
id=''
all='no'

while [ "$#" -gt 0 ]; do
  case "$1" in
    --profile | --secret | --event | --id)
      [ "$#" -ge 2 ] || wrong "$1 needs a value"
      case "$1" in
        --profile) profile="$2" ;;
        --secret) secret="$2" ;;
        --event) event="$2" ;;
        --id) id="$2" ;;
      esac
      shift 2
      ;;
    --yes)
      all='yes'
      shift
      ;;
    --help | -h)
      usage
      exit 0
      ;;
    -*) wrong "there is no option $1" ;;
    *)
      [ -z "$url" ] || wrong "more than one URL: $1"
      url="$1"
      shift
      ;;
  esac
done

[ -n "$url" ] || wrong 'the URL is missing'
case "$url" in
  http://* | https://*) ;;
  *) wrong "the URL must begin with http:// or https://: $url" ;;
esac
# In a header they would begin another one; in the body's JSON they would end the text.
case "$event$id" in
  *[!A-Za-z0-9._:-]*) wrong 'the event and the id may have letters, digits and . _ : - only' ;;
esac
case "$secret" in
  *$'\n'* | *$'\r'*) wrong 'the secret must be one line' ;;
esac

case "$profile" in
  generic) known='deploy.completed' ;;
  github) known='pull_request.opened issues.opened' ;;
  gitlab) known='merge_request.open' ;;
  stripe) known='checkout.session.completed' ;;
  *) wrong "there is no profile $profile: generic, github, gitlab or stripe" ;;
esac

if [ -n "$event" ]; then
  if [ "$profile" != 'generic' ]; then
    case " $known " in
      *" $event "*) ;;
      *) wrong "there is no event $event here for $profile: $known" ;;
    esac
  fi
  events="$event"
elif [ "$all" = 'yes' ]; then
  events="$known"
else
  events="${known%% *}"
fi

for program in curl openssl; do
  command -v "$program" >/dev/null || wrong "$program is not installed"
done

# ------------------------------------------------------------------------------------------------ what is sent

body_of() { # EVENT ID
  case "$profile $1" in
    'github pull_request.opened')
      cat <<'JSON'
{"action":"opened","number":42,"pull_request":{"id":1784532041,"number":42,"state":"open","title":"Add webhook support","html_url":"https://github.com/octo-org/hello-world/pull/42","user":{"login":"octo-dev","id":1001,"type":"User"},"body":"This adds an endpoint that takes webhooks and answers before the work is done.","draft":false,"merged":false,"created_at":"2026-03-12T09:15:02Z","updated_at":"2026-03-12T09:15:02Z","head":{"label":"octo-org:feature/webhooks","ref":"feature/webhooks","sha":"5c1f0d7e9a4b3f2681de0c75a9b84d3f6e217a90"},"base":{"label":"octo-org:main","ref":"main","sha":"9e83a1b6f04d52c7b8e6a3f1d09c47528be6f013"},"labels":[{"name":"enhancement"}],"commits":3,"additions":1203,"deletions":156,"changed_files":42},"repository":{"id":17273051,"name":"hello-world","full_name":"octo-org/hello-world","private":false,"html_url":"https://github.com/octo-org/hello-world","default_branch":"main"},"sender":{"login":"octo-dev","id":1001,"type":"User"}}
JSON
      ;;
    'github issues.opened')
      cat <<'JSON'
{"action":"opened","issue":{"id":2184530017,"number":99,"state":"open","title":"Greeting is empty when the name has an accent","html_url":"https://github.com/octo-org/hello-world/issues/99","user":{"login":"mona-visitor","id":1003,"type":"User"},"body":"`Hello, !` is answered for the name Zoë, since version 1.4.0.","labels":[],"comments":0,"created_at":"2026-03-12T10:20:30Z","updated_at":"2026-03-12T10:20:30Z"},"repository":{"id":17273051,"name":"hello-world","full_name":"octo-org/hello-world","private":false,"html_url":"https://github.com/octo-org/hello-world","default_branch":"main"},"sender":{"login":"mona-visitor","id":1003,"type":"User"}}
JSON
      ;;
    'gitlab merge_request.open')
      cat <<'JSON'
{"object_kind":"merge_request","event_type":"merge_request","user":{"id":11,"name":"Example Developer","username":"example-dev"},"project":{"id":15,"name":"Hello World","web_url":"https://gitlab.example/example-group/hello-world","path_with_namespace":"example-group/hello-world","default_branch":"main"},"object_attributes":{"id":3042,"iid":15,"title":"Add webhook support","description":"Takes webhooks and answers before the work is done.","state":"opened","action":"open","source_branch":"feature/webhooks","target_branch":"main","source_project_id":15,"target_project_id":15,"draft":false,"last_commit":{"id":"5c1f0d7e9a4b3f2681de0c75a9b84d3f6e217a90","message":"Bound the queue\n"},"url":"https://gitlab.example/example-group/hello-world/-/merge_requests/15","created_at":"2026-03-12 09:15:02 UTC","updated_at":"2026-03-12 09:15:02 UTC"},"labels":[],"changes":{}}
JSON
      ;;
    'stripe checkout.session.completed')
      printf '%s' '{"id":"'"$2"'","object":"event","api_version":"2025-03-31.basil","created":'"$now"',"livemode":false,"pending_webhooks":1,"type":"checkout.session.completed","request":{"id":null,"idempotency_key":null},"data":{"object":{"id":"cs_test_SampleSession01","object":"checkout.session","amount_subtotal":2000,"amount_total":2000,"currency":"usd","customer":"cus_SampleCustomer01","customer_details":{"email":"customer@example.com","name":"Example Customer"},"livemode":false,"metadata":{"order":"1042"},"mode":"payment","payment_intent":"pi_SamplePayment01","payment_status":"paid","status":"complete","subscription":null}}}'
      ;;
    'generic deploy.completed')
      printf '%s' '{"event":"deploy.completed","id":"'"$2"'","environment":"production","service":"hello-world","version":"1.5.0","status":"success","duration_seconds":184,"triggered_by":"octo-dev","url":"https://deploy.example/runs/2071"}'
      ;;
    *)
      printf '%s' '{"event":"'"$1"'","id":"'"$2"'","source":"test-webhook.sh","message":"Something happened."}'
      ;;
  esac
}

hmac_sha256() { # TEXT: the HMAC-SHA256 of it under the secret, in hexadecimal
  printf '%s' "$1" | openssl dgst -sha256 -hmac "$secret" | sed 's/^.* //'
}

# Puts the headers of an event into the arrays `shown` and `hidden`: `hidden` are those that prove the sender.
headers_of() { # EVENT ID BODY
  shown=('Content-Type: application/json')
  hidden=()
  case "$profile" in
    generic)
      shown+=('User-Agent: test-webhook.sh' "X-Event-Type: $1" "X-Delivery-Id: $2")
      [ -z "$secret" ] || hidden=("X-Webhook-Secret: $secret")
      ;;
    github)
      shown+=('User-Agent: GitHub-Hookshot/test' "X-GitHub-Event: ${1%%.*}" "X-GitHub-Delivery: $2")
      [ -z "$secret" ] || shown+=("X-Hub-Signature-256: sha256=$(hmac_sha256 "$3")")
      ;;
    gitlab)
      shown+=('User-Agent: GitLab/test' 'X-Gitlab-Event: Merge Request Hook')
      shown+=("X-Gitlab-Event-UUID: $2" "Idempotency-Key: $2")
      [ -z "$secret" ] || hidden=("X-Gitlab-Token: $secret")
      ;;
    stripe)
      shown+=('User-Agent: Stripe/1.0 (test)')
      [ -z "$secret" ] || shown+=("Stripe-Signature: t=$now,v1=$(hmac_sha256 "$now.$3")")
      ;;
  esac
}

# An id that has not been used: random, in the form that the provider gives its own.
new_id() {
  local random
  random="$(openssl rand -hex 16)"
  case "$profile" in
    stripe) printf 'evt_test_%s' "$random" ;;
    generic) printf 'test-%s' "$random" ;;
    *) printf '%s-%s-4%s-8%s-%s' "${random:0:8}" "${random:8:4}" "${random:13:3}" "${random:17:3}" "${random:20:12}" ;;
  esac
}

# ------------------------------------------------------------------------------------------------ sending it

hint() { # STATUS
  case "$1" in
    2??) return ;;
    401)
      if [ -z "$secret" ]; then
        echo 'Hint: the source checks who sends. Give its secret with --secret.'
      else
        echo 'Hint: the secret is not the one of the source, or the source checks in another way than this profile:'
        case "$profile" in
          generic) echo '      generic sends it in the header X-Webhook-Secret.' ;;
          stripe) echo '      stripe signs with the whole secret, whsec_ included; and the clocks must agree.' ;;
          github) echo '      github signs the body, in X-Hub-Signature-256.' ;;
          gitlab) echo '      gitlab sends it in the header X-Gitlab-Token.' ;;
        esac
      fi
      ;;
    403) echo 'Hint: the source takes requests from certain addresses only.' ;;
    404) echo 'Hint: there is no source at this URL, or it is switched off.' ;;
    413) echo 'Hint: the source takes shorter bodies only.' ;;
    429) echo 'Hint: that was too often. Try again in a minute.' ;;
    *) echo "Hint: $1 is not an answer of a source. Does the URL lead to the right server?" ;;
  esac
}

send() { # EVENT; false when it was not taken
  local delivery body answer status header arguments
  delivery="${id:-$(new_id)}"
  now="$(date +%s)"
  body="$(body_of "$1" "$delivery")"
  headers_of "$1" "$delivery" "$body"

  echo "POST $url"
  arguments=(--silent --show-error --max-time 30 --request POST)
  for header in "${shown[@]}"; do
    echo "  $header"
    arguments+=(--header "$header")
  done
  for header in ${hidden[@]+"${hidden[@]}"}; do
    echo "  ${header%%:*}: [secret]"
  done
  echo

  # Headers with a secret go through a file descriptor: what stands in a command, others can see.
  if ! answer="$(printf '%s' "$body" | curl "${arguments[@]}" --data-binary @- \
    --header @<(for header in ${hidden[@]+"${hidden[@]}"}; do printf '%s\n' "$header"; done) \
    --write-out '\n%{http_code}' -- "$url")"; then
    echo
    echo 'Hint: no connection. Is the server running, and is the URL the one that this machine can reach?'
    return 1
  fi
  status="${answer##*$'\n'}"
  echo "Status: $status"
  echo "Answer: ${answer%$'\n'*}"
  hint "$status"
  case "$status" in
    2??) return 0 ;;
    *) return 1 ;;
  esac
}

[ -n "$secret" ] || echo 'Note: without --secret the request proves nothing, which suits a source without authentication.'
[ -z "$id" ] || echo 'Note: with a fixed --id a second run is a duplicate.'

failed=0
for one in $events; do
  echo
  echo "== $profile: $one"
  send "$one" || failed=1
done

if [ "$events" != "$known" ] && [ -z "$event" ]; then
  echo
  echo "There is more to send: --event ${known##* }, or --yes for all."
fi
exit "$failed"
