using Microsoft.Extensions.AI;
using RlPrimitives.Environments;
using RlPrimitives.Inference;

namespace RlPrimitives.Tests.Environments;

public class SimpleTextContractTests : EnvironmentContract
{
    internal override BaseEnvironment Create(InferenceModule module, IReadOnlyList<Problem> problems, SamplingOptions sampling) => new SimpleTextEnvironment(module, problems, 3, sampling);
}

public class ScriptedConversationContractTests : EnvironmentContract
{
    internal override BaseEnvironment Create(InferenceModule module, IReadOnlyList<Problem> problems, SamplingOptions sampling) =>
        new ConversationEnvironment(module, problems, new ScriptedPartner("go on", "and then?"), new ConversationOptions { System = "Be short." }, EndingEarly(sampling));

    // Random bytes hardly ever end by themselves: any of these ends an answer.
    internal static SamplingOptions EndingEarly(SamplingOptions sampling) => sampling with { StopTokenIds = sampling.StopTokenIds ?? [.. Enumerable.Range(0, 120), 256] };
}

public class ColumnConversationContractTests : EnvironmentContract
{
    internal override BaseEnvironment Create(InferenceModule module, IReadOnlyList<Problem> problems, SamplingOptions sampling) =>
        new ConversationEnvironment(module, problems, new ColumnPartner("next"), null, ScriptedConversationContractTests.EndingEarly(sampling));
}

public class ModelConversationContractTests : EnvironmentContract
{
    internal override BaseEnvironment Create(InferenceModule module, IReadOnlyList<Problem> problems, SamplingOptions sampling) =>
        new ConversationEnvironment(
            module, problems, new ModelPartner(module, "You are curious.", new SamplingOptions { MaxNewTokens = 4 }), new ConversationOptions { MaxTurns = 3, MaxTokens = 200 },
            ScriptedConversationContractTests.EndingEarly(sampling));
}

public class SvrlContractTests : EnvironmentContract
{
    internal override BaseEnvironment Create(InferenceModule module, IReadOnlyList<Problem> problems, SamplingOptions sampling) =>
        new SvrlEnvironment(new SimpleTextEnvironment(module, problems, 2, ScriptedConversationContractTests.EndingEarly(sampling)), [Calculator.Tool()], new SvrlOptions { Format = new AnyLetter(), Budget = 2, Review = "Sure?" });

    /// <summary>Takes nearly every response for a call: random bytes hold no other.</summary>
    internal sealed class AnyLetter : IToolFormat
    {
        public System.Collections.Immutable.ImmutableArray<string> StopStrings => ["e"];

        public bool IsInline => true;

        public string Describe(IReadOnlyList<AIFunctionDeclaration> tools) => "";

        public IReadOnlyList<ToolRequest> Parse(string text) => text.Length % 3 == 0 ? [] : [new ToolRequest("calc", "1+" + text.Length)];

        public string Write(ToolCall made) => $"<{made.Result}>";
    }
}

public class SvrlConversationContractTests : EnvironmentContract
{
    internal override BaseEnvironment Create(InferenceModule module, IReadOnlyList<Problem> problems, SamplingOptions sampling) =>
        new SvrlEnvironment(
            new ConversationEnvironment(module, problems, new ScriptedPartner("go on", "and then?"), null, ScriptedConversationContractTests.EndingEarly(sampling)),
            [Calculator.Tool()], new SvrlOptions { Format = new SvrlContractTests.AnyLetter(), Budget = 2 });
}

public class CustomContractTests : EnvironmentContract
{
    internal override BaseEnvironment Create(InferenceModule module, IReadOnlyList<Problem> problems, SamplingOptions sampling) => new AskTwice(module, problems, sampling);

    /// <summary>Asks the model inside its step, any number of times: here for a draft and for the answer behind it.</summary>
    internal sealed class AskTwice(InferenceModule inference, IReadOnlyList<Problem> problems, SamplingOptions sampling) : BaseEnvironment(inference, problems, sampling)
    {
        public override async Task<State> StepAsync(State state, CancellationToken cancellationToken = default)
        {
            var draft = await GenerateAsync(BuildPrompt(state), cancellationToken);
            state = state.Append(draft);
            if (BuildPrompt(state).Length >= Inference.Backend.ContextLength)
            {
                return state with { IsTruncated = true };
            }

            var answer = await GenerateAsync(BuildPrompt(state), cancellationToken);
            return await UpdateStateAsync(state.Append(answer), answer, cancellationToken);
        }

        public override ValueTask<State> UpdateStateAsync(State state, Turn turn, CancellationToken cancellationToken) => ValueTask.FromResult(state with { IsTerminated = true });
    }
}

public class SvrlCustomContractTests : EnvironmentContract
{
    internal override BaseEnvironment Create(InferenceModule module, IReadOnlyList<Problem> problems, SamplingOptions sampling) =>
        new SvrlEnvironment(new CustomContractTests.AskTwice(module, problems, ScriptedConversationContractTests.EndingEarly(sampling)), [Calculator.Tool()], new SvrlOptions { Format = new SvrlContractTests.AnyLetter(), Budget = 2 });
}
