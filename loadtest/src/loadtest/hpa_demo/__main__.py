"""`python -m loadtest.hpa_demo`: puts an installation under load in steps and watches it scale.

The load is a Job in the cluster that KUBECONFIG names. It succeeds when payments scaled out to at
least three pods and back in, no payment failed or was lost, and the ledger sums to zero.
"""

import argparse
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from devstack.interrupts import Interrupted, raise_on_signals, run_interruptible
from loadtest.arguments import amount_in, count_from
from loadtest.client import GatewayError
from loadtest.hpa_demo import job, watch
from loadtest.hpa_demo.kubectl import DemoError, Kubectl
from loadtest.hpa_demo.picture import draw
from loadtest.hpa_demo.plan import Plan
from loadtest.hpa_demo.screen import screen
from loadtest.hpa_demo.series import Sample, peak
from loadtest.hpa_demo.verdict import SHOWCASE, Counts, complaints, money_complaints

# Up and down, so that the autoscaler has to follow twice.
_STEPS = (20, 60, 120, 60, 20)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    try:
        plan = Plan(f"hpa-demo-{secrets.token_hex(3)}", chosen.steps, chosen.step_seconds)
    except ValueError as error:
        parser.error(str(error))
    raise_on_signals()
    try:
        wrong = run_interruptible(_run(Console(), plan, chosen))
    except (DemoError, GatewayError, OSError) as error:
        print(f"hpa-demo: {error}", file=sys.stderr)
        return 1
    except Interrupted as interrupted:
        print("hpa-demo: interrupted; the load is removed", file=sys.stderr)
        return interrupted.exit_code
    return 1 if wrong else 0


async def _run(console: Console, plan: Plan, chosen: argparse.Namespace) -> list[str]:
    kubectl = Kubectl(chosen.namespace)
    secret, _, key = chosen.api_key_secret.partition("/")
    setting = watch.Setting(chosen.image, secret, key or "api-key", chosen.cooldown_seconds)
    limits = await watch.autoscalers(kubectl, chosen.at_least)
    api_key = await watch.api_key(kubectl, setting)
    console.print(f"Funding the payers of {plan.run} in {chosen.namespace} …", highlight=False)
    await watch.fund(kubectl, plan, api_key)
    with screen(console, limits) as shown:
        samples, counts = await watch.load(kubectl, plan, setting, limits, shown.show)
    left, unbalanced = await watch.audit(kubectl, plan, api_key)
    wrong = complaints(samples, limits, chosen.at_least)
    wrong += money_complaints(counts, left, plan.funding().times, unbalanced)
    _draw(chosen.picture, plan, samples, counts)
    _tell(console, samples, counts, wrong)
    console.print(f"picture: {chosen.picture}", highlight=False)
    return wrong


def _draw(path: Path, plan: Plan, samples: Sequence[Sample], counts: Counts) -> None:
    pods = peak(samples, SHOWCASE)
    title = f"Kurs under load: {counts.paid:,} payments, {SHOWCASE} on up to {pods} pods"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(draw(title, samples, plan.seconds), "utf-8")


def _tell(
    console: Console, samples: Sequence[Sample], counts: Counts, wrong: Sequence[str]
) -> None:
    busiest = max((sample.per_second for sample in samples), default=0.0)
    console.print(
        f"{counts.paid} of {counts.begun} payments captured, {counts.failed} failed; up to "
        f"{busiest:.0f} payments/s on {peak(samples, SHOWCASE)} pods of {SHOWCASE}",
        highlight=False,
        soft_wrap=True,
    )
    if counts.dropped:
        console.print(
            f"{counts.dropped} payments were not begun: too many were under way for the rate",
            style="yellow",
            highlight=False,
        )
    for complaint in wrong:
        console.print(f"  {complaint}", style="red", highlight=False, soft_wrap=True)
    if not wrong:
        console.print(
            "It scaled out and back in, no payment failed or was lost, the ledger sums to zero.",
            style="green",
            soft_wrap=True,
        )


def _steps(text: str) -> tuple[int, ...]:
    return tuple(int(step) for step in text.split(","))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loadtest.hpa_demo", description=__doc__)
    parser.add_argument("-n", "--namespace", default="kurs-dev", help="default kurs-dev")
    parser.add_argument("--steps", type=_steps, default=_STEPS, help="payments/s: 20,60,120,60,20")
    parser.add_argument(
        "--step-seconds", type=count_from(1), default=45, help="of each (default 45)"
    )
    parser.add_argument(
        *("--cooldown-seconds", "--cooldown"),
        type=amount_in,
        default=600,
        help="wait for scaling in at most (default 600)",
    )
    parser.add_argument("--at-least", type=count_from(1), default=3, help="pods to reach")
    parser.add_argument("--image", default=job.IMAGE, help=f"of k6 (default {job.IMAGE})")
    parser.add_argument("--api-key-secret", default="kurs-api-keys/api-key", metavar="NAME/KEY")
    parser.add_argument("--picture", type=Path, default=Path("var/hpa-demo.svg"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
