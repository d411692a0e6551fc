using System.Collections.Immutable;
using Microsoft.Extensions.AI;

namespace RlPrimitives.Environments;

/// <summary>How calls and results are written in text.</summary>
public interface IToolFormat
{
    /// <summary>Texts that end a response because a call is complete; empty where the model ends its message itself.</summary>
    ImmutableArray<string> StopStrings { get; }

    /// <summary>Whether a result stands inside the response, which then goes on; otherwise it is a message of its own.</summary>
    bool IsInline { get; }

    /// <summary>The calls in a response, in order; one that cannot be read is among them with what is wrong.</summary>
    /// <param name="text">Everything sampled, special tokens included.</param>
    IReadOnlyList<ToolRequest> Parse(string text);

    /// <summary>The text that gives the result of a call back.</summary>
    string Write(ToolCall made);

    /// <summary>What a prompt says about the tools, for models that no template tells.</summary>
    string Describe(IReadOnlyList<AIFunctionDeclaration> tools);
}
