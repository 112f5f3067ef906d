"""The ECS agent, behind the protocol that `control/plan.py` defines."""
