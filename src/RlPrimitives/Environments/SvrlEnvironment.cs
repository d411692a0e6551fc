using System.Collections.Immutable;
using Microsoft.Extensions.AI;
using RlPrimitives.Inference;

namespace RlPrimitives.Environments;

/// <summary>
/// Self-verification around any environment: the model answers, may call tools to verify and then revise, and every call spends from a budget that the environment keeps.
/// A response with calls is not an answer: it is followed by the results and the model goes on, token for token. A response without calls is handed to the inner
/// environment, which decides as if nothing else had been said. The calls stand on <see cref="Turn.ToolCalls"/>.
/// </summary>
public sealed class SvrlEnvironment : BaseEnvironment
{
    private readonly BaseEnvironment inner;
    private readonly SvrlOptions options;
    private readonly ToolSet tools;
    private readonly bool innerStepsItself;

    /// <summary>An environment with tools.</summary>
    /// <param name="inner">The task. One that overrides <see cref="BaseEnvironment.StepAsync"/> takes its whole step, and the calls in its last response are answered afterwards.</param>
    /// <param name="tools">What can be called, see <see cref="Calculator.Tool"/>, <see cref="DocumentSet.Tool"/> and <c>AIFunctionFactory.Create</c>.</param>
    /// <param name="options">Budget, format and limits; null for the defaults.</param>
    /// <exception cref="ArgumentException">There are no tools, two have one name, or the inner environment is self-verification already.</exception>
    public SvrlEnvironment(BaseEnvironment inner, IReadOnlyList<AIFunction> tools, SvrlOptions? options = null)
        : this(inner, new ToolSet(tools, (options ?? new SvrlOptions()).Tools), options ?? new SvrlOptions())
    {
    }

    private SvrlEnvironment(BaseEnvironment inner, ToolSet tools, SvrlOptions options)
        : base(inner.Inference, inner.Problems, Stopping(inner.Sampling, options.Format))
    {
        if (inner is SvrlEnvironment)
        {
            throw new ArgumentException("The inner environment is self-verification already; give it all the tools.", nameof(inner));
        }

        (this.options, this.tools) = (options, tools);
        this.inner = inner.WithSampling(Sampling);
        // Only where StepAsync is the base's own may its parts be called one by one.
        innerStepsItself = inner.GetType().GetMethod(nameof(StepAsync), [typeof(State), typeof(CancellationToken)])!.DeclaringType != typeof(BaseEnvironment);
    }

    /// <summary>The task.</summary>
    public BaseEnvironment Inner => inner;

    /// <inheritdoc/>
    public override BaseEnvironment WithSampling(SamplingOptions sampling) => new SvrlEnvironment(inner.WithSampling(sampling), tools, options);

    /// <inheritdoc/>
    public override State Reset(Problem problem)
    {
        var state = inner.Reset(problem).With(new OfferedTools(tools.Tools, options.Format));
        return state.Get<ToolBudget>() is null ? state.With(new ToolBudget(options.Budget)) : state;
    }

    /// <inheritdoc/>
    public override int[] BuildPrompt(State state) => IsVerifying(state) ? base.BuildPrompt(state) : inner.BuildPrompt(state);

    /// <inheritdoc/>
    public override int[] EncodeMessages(State state, IReadOnlyList<Message> messages) => inner.EncodeMessages(state, messages);

    /// <inheritdoc/>
    public override ValueTask<State> UpdateStateAsync(State state, Turn turn, CancellationToken cancellationToken) => inner.UpdateStateAsync(state, turn, cancellationToken);

    /// <inheritdoc/>
    public override async Task<State> StepAsync(State state, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(state);
        var isWhole = innerStepsItself && !IsVerifying(state);
        var next = isWhole ? await inner.StepAsync(state, cancellationToken).ConfigureAwait(false)
            : await inner.RespondAsync(state, BuildPrompt(state), cancellationToken).ConfigureAwait(false);
        if (next.IsTruncated || next.Turns.Length == state.Turns.Length)
        {
            return next;
        }

        var progress = state.Get<Progress>() ?? new Progress(IsReviewed: false, IsOpen: false);
        var turn = next.Turns[^1];
        var requests = turn.IsCutOff ? [] : options.Format.Parse(Inference.Tokenizer.Decode(turn.TokenIds, skipSpecialTokens: false));
        if (requests.Count > 0)
        {
            next = await AnswerAsync(next, requests, cancellationToken).ConfigureAwait(false);
        }
        else if (turn.StopReason == StopReason.StopString && IsOwnStop(turn))
        {
            // What looked like the end of a call was none: the response goes on.
        }
        else if (options.Review is { } review && !progress.IsReviewed && !turn.IsCutOff && next.Get<ToolBudget>() is { Left: > 0 })
        {
            next = next.Observe(inner.EncodeMessages(next, [new Message(ChatRole.User, review)]));
            progress = progress with { IsReviewed = true };
        }
        else
        {
            next = isWhole ? next : await inner.UpdateStateAsync(next, turn, cancellationToken).ConfigureAwait(false);
            return Limited(next.With(new Progress(IsReviewed: false, IsOpen: false)));
        }

        return Limited(next.With(progress with { IsOpen = true }) with { IsTerminated = false });
    }

    /// <inheritdoc/>
    protected internal override SamplingOptions? SamplingFor(State state, int promptLength) => inner.SamplingFor(state, promptLength);

    /// <summary>Whether the model is to go on from its last response, rather than to be asked by the inner environment.</summary>
    private static bool IsVerifying(State state) => state.Get<Progress>() is { IsOpen: true };

    private static SamplingOptions Stopping(SamplingOptions sampling, IToolFormat format) =>
        format.StopStrings.All(sampling.StopStrings.Contains) ? sampling : sampling with { StopStrings = [.. sampling.StopStrings.Union(format.StopStrings)] };

    private State Limited(State state) => state.IsOver || state.Turns.Length < options.MaxTurns ? state : state with { IsTruncated = true };

    private bool IsOwnStop(Turn turn)
    {
        var text = Inference.Tokenizer.Decode(turn.TokenIds, skipSpecialTokens: false);
        return options.Format.StopStrings.Any(s => text.Contains(s, StringComparison.Ordinal))
            && !Sampling.StopStrings.Except(options.Format.StopStrings).Any(s => text.Contains(s, StringComparison.Ordinal));
    }

    /// <summary>Carries calls out one after another, as far as the budget reaches; records them on the turn and lets the model see what came back.</summary>
    private async Task<State> AnswerAsync(State state, IReadOnlyList<ToolRequest> requests, CancellationToken cancellationToken)
    {
        var budget = state.Get<ToolBudget>() ?? new ToolBudget(options.Budget);
        var calls = ImmutableArray.CreateBuilder<ToolCall>();
        foreach (var request in requests.Take(options.Tools.MaxCalls))
        {
            var call = tools.CostOf(request) > budget.Left
                ? tools.Refuse(request, FormattableString.Invariant($"the budget is spent ({budget.Left} of {budget.Limit} left)"), isFree: true)
                : await tools.CallAsync(request, cancellationToken).ConfigureAwait(false);
            budget = budget.Spend(call.Cost);
            calls.Add(call);
        }

        if (requests.Count > options.Tools.MaxCalls)
        {
            calls.Add(tools.Refuse(requests[options.Tools.MaxCalls], FormattableString.Invariant($"only the first {options.Tools.MaxCalls} calls of a response are answered"), isFree: true));
        }

        var said = state with { Turns = state.Turns.SetItem(state.Turns.Length - 1, state.Turns[^1] with { ToolCalls = calls.ToImmutable() }) };
        var ids = options.Format.IsInline ? Inference.Tokenizer.Encode(string.Concat(calls.Select(options.Format.Write)))
            : inner.EncodeMessages(said, [.. calls.Select(c => new Message(ChatRole.Tool, options.Format.Write(c)))]);
        // A custom environment may have observed something of its own in its step: it answered a response that was no answer.
        return (said with { Observation = [] }).With(budget).Observe(ids);
    }

    private sealed record Progress(bool IsReviewed, bool IsOpen);
}
