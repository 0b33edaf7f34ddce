// AWS Amplify signs in in the browser, and a Go server reads, refreshes and ends
// the same session: both by the cookies that "ssr: true" has Amplify write.
//
// npm ci && npm run build, and go run ./examples/chi-app -client examples/amplify-client/dist
import { Amplify } from "aws-amplify";
import { fetchAuthSession, getCurrentUser, signIn, signOut } from "aws-amplify/auth";
import { cognitoUserPoolsTokenProvider } from "aws-amplify/auth/cognito";
import { CookieStorage } from "aws-amplify/utils";

const $ = (id) => document.getElementById(id);

// The page's server knows the pool. userPoolEndpoint is for the emulator; on AWS
// Amplify knows where the pool is.
const { userPoolId, userPoolClientId, userPoolEndpoint, cookieDomain } = $("client").dataset;
Amplify.configure(
  { Auth: { Cognito: { userPoolId, userPoolClientId, userPoolEndpoint } } },
  { ssr: true },
);
// With a server on another host, both share the cookies of a domain.
if (cookieDomain) {
  cognitoUserPoolsTokenProvider.setKeyValueStorage(new CookieStorage({ domain: cookieDomain, sameSite: "lax" }));
}

// seen are the tokens that the page shows. Amplify keeps none in memory: it reads
// the cookies each time, and so finds what the server has written meanwhile.
let seen;

// read asks Amplify who is signed in. By itself Amplify would refresh tokens that
// have expired; note says who has done it.
async function read(who) {
  let user;
  try {
    user = await getCurrentUser();
  } catch {
    if (seen) note(`${who} has signed out, and Amplify finds nobody.`);
    seen = undefined;
    return show();
  }
  const { tokens } = await fetchAuthSession();
  const fresh = tokens.accessToken.toString();
  if (seen && seen.raw !== fresh) note(`${who} has refreshed the tokens.`);
  seen = { user, raw: fresh, expires: tokens.accessToken.payload.exp, issued: tokens.accessToken.payload.iat };
  show();
}

function show() {
  $("signed-out").hidden = Boolean(seen);
  $("signed-in").hidden = !seen;
  if (!seen) return;
  const clock = (seconds) => new Date(seconds * 1000).toISOString().slice(11, 19);
  $("user").textContent = seen.user.username;
  $("login").textContent = seen.user.signInDetails?.loginId ?? "not noted";
  $("issued").textContent = clock(seen.issued);
  $("expires").textContent = clock(seen.expires);
  tick();
}

function tick() {
  if (!seen) return;
  const left = Math.ceil(seen.expires - Date.now() / 1000);
  $("left").textContent = left > 0 ? `${left} s` : "expired: call the server, and it refreshes them";
}

function note(text) {
  const item = document.createElement("li");
  item.textContent = text;
  $("log").prepend(item);
  $("history").hidden = false;
}

// call calls a protected route. The cookies go along, and new ones may come back.
async function call(method, path) {
  const answer = await fetch(path, { method, headers: { Accept: "application/json" } });
  $("answer").textContent = `${answer.status} ${await answer.text()}`;
  return answer;
}

// act runs what a button stands for, and says what went wrong.
function act(id, event, run) {
  $(id).addEventListener(event, async (e) => {
    e.preventDefault();
    $("problem").hidden = true;
    $("client").setAttribute("aria-busy", "true");
    try {
      await run(e);
    } catch (error) {
      $("problem").textContent = error.message;
      $("problem").hidden = false;
    }
    $("client").removeAttribute("aria-busy");
  });
}

act("signed-out", "submit", async () => {
  const form = new FormData($("signed-out"));
  await signIn({
    username: form.get("username"),
    password: form.get("password"),
    // Amplify's default, SRP, keeps the password from the server. The emulator
    // does not speak it.
    options: { authFlowType: "USER_PASSWORD_AUTH" },
  });
  $("signed-out").reset();
  note("Amplify has signed in, in the browser.");
  await read("Amplify");
});

act("call", "click", async () => {
  await call("GET", "/amplify/api/current-user");
  await read("The server");
});

act("refresh", "click", async () => {
  await fetchAuthSession({ forceRefresh: true });
  await read("Amplify");
});

act("server-sign-out", "click", async () => {
  await call("POST", "/amplify/api/sign-out");
  await read("The server");
});

act("browser-sign-out", "click", async () => {
  await signOut();
  await read("Amplify");
});

// For the console of your developer tools: amplify.fetchAuthSession()
window.amplify = { fetchAuthSession, getCurrentUser, signIn, signOut };

setInterval(tick, 1000);
await read("Amplify");
