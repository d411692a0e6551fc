using Microsoft.Extensions.AI;

namespace RlPrimitives.Environments;

/// <summary>Something said in an episode that the model did not sample.</summary>
/// <param name="Role">Who says it: <see cref="ChatRole.User"/>, <see cref="ChatRole.System"/>, <see cref="ChatRole.Tool"/>; <see cref="ChatRole.Assistant"/> for what the model said.</param>
/// <param name="Text">What is said.</param>
public sealed record Message(ChatRole Role, string Text);
